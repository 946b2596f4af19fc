"""Maps of genre names: presets and files."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from streamgenre.errors import ConfigError
from streamgenre.library.tagging.names import PRESETS, genre_names


def test_presets_are_complete(model):
    for preset in PRESETS:
        names = genre_names(preset)
        assert {*names.genres} == {*model.card.label_names}
        assert {*names.styles} == {style.name for style in model.card.styles}
        assert all(len(names.of(label)) == 1 for label in model.card.label_names)
    assert genre_names().of("hiphop", ["drum and bass"]) == ("Hip hop", "Drum and bass")
    assert genre_names("musicbrainz").of("hiphop") == ("hip hop",)


def test_id3v1_names_are_in_its_list():
    mutagen = pytest.importorskip("mutagen.id3", reason="needs the tags extra")
    names = genre_names("id3v1")
    written = [name for table in (names.genres, names.styles) for n in table.values() for name in n]
    assert {*written} <= {*mutagen.TCON.GENRES}


def test_beets_names_are_in_its_list():
    for folder in sys.path + os.environ.get("BEETS", "").split(os.pathsep):
        known = Path(folder) / "beetsplug/lastgenre/genres.txt"
        if folder and known.exists():
            break
    else:
        pytest.skip("needs beets")
    names = genre_names("beets")
    written = {name for table in (names.genres, names.styles) for n in table.values() for name in n}
    assert {name.lower() for name in written} <= {*known.read_text("utf-8").splitlines()}


def test_map_file(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(
        'base = "musicbrainz"\n[genres]\nhiphop = ["Hip-Hop", "Rap"]\nmetal = ""\n'
        '"My own" = "Mine"\n[styles]\nhouse = "House"\n'
    )
    names = genre_names(file)
    assert names.of("hiphop") == ("Hip-Hop", "Rap") and names.of("metal") == ()
    assert names.of("electronic", ["house", "techno"]) == ("electronic", "House", "techno")
    assert names.of("My own") == ("Mine",) and names.of("other") == ("other",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("genres = 1", "must be a table"),
        ("[genre]", "did you mean 'genres'"),
        ("[genres]\njazz = 3", r"\[genres\] jazz must be a name"),
        ('[genres]\njazz = "a\\u0000b"', "must be a name"),
        ('base = "discogs"', "base must be one of id3v1"),
        ("[genres", "cannot be read as a map"),
    ],
)
def test_invalid_map_file_is_rejected(tmp_path, text, words):
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=f"mine.toml.*{words}"):
        genre_names(file)
