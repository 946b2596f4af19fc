"""Corrections: targets, precedence, and the corrections file."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamgenre.errors import ConfigError, InputError
from streamgenre.library.corrections import (
    Correction,
    Corrections,
    Target,
    corrections_path,
    read_corrections,
    write_corrections,
)
from streamgenre.library.row import Row

ROW = Row("/Music/Jazz/x.mp3", 1, 1.0, genre="rock", artist="Miles Davis; Someone", album="Blue")


def matches(text, row=ROW, artist=None):
    return Target.parse(text, artist).matcher()(row)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("path:/Music/Jazz/x.mp3", True),
        ("path:/Music/Jazz", True),
        ("path:/Music/", True),
        ("path:/Music/Ja", False),
        ("path:/music/jazz", False),
        ("glob:*.MP3", True),
        ("glob:jazz", False),
        ("glob:Jazz/*", True),
        ("glob:azz/*", False),
        ("glob:/Music/*", True),
        ("glob:x.[lm]p?", True),
        ("album:  BLUE", True),
        ("album:Kind of Blue", False),
        ("artist:someone", True),
        ("artist:miles davis; someone", True),
        ("artist:miles", False),
    ],
)
def test_targets(target, expected):
    assert matches(target) == expected


def test_album_of_one_artist():
    assert matches("album:blue", artist="SOMEONE") and not matches("album:blue", artist="Else")
    assert not matches("album:blue", Row("/x", 1, 1.0)) and not matches(
        "artist:a", Row("/x", 1, 1.0)
    )


@pytest.mark.parametrize("text", ["jazz", "album:", "album:  ", "title:x", "", ":x"])
def test_invalid_target_is_rejected(text):
    with pytest.raises(ConfigError, match="path:FILE, glob:PATTERN, album:TITLE or artist:NAME"):
        Target.parse(text)


def test_precedence():
    def genre(*given):
        return Corrections(Correction(Target.parse(t, a), g) for t, a, g in given).genre_of(ROW)

    artist, album = ("artist:someone", None, "1"), ("album:blue", None, "2")
    of_artist, glob = ("album:blue", "someone", "3"), ("glob:*.mp3", None, "4")
    later, folder = ("glob:x*", None, "5"), ("path:/Music", None, "6")
    inner, path = ("path:/Music/Jazz", None, "7"), ("path:/Music/Jazz/x.mp3", None, "8")
    order = [artist, album, of_artist, glob, later, folder, inner, path]
    for i, (_, _, expected) in enumerate(order):
        # The order matters only between patterns.
        assert genre(*order[: i + 1]) == expected
        assert genre(*reversed(order[: i + 1])) == ("4" if expected == "5" else expected)
    assert genre() is None


def test_correction_of_the_same_target_is_replaced():
    one = Corrections([Correction(Target.parse("album:Blue"), "jazz")])
    other = one.with_correction(Correction(Target.parse("album:BLUE "), "folk"))
    assert [str(c.target) + c.genre for c in other] == ["album:BLUE folk"]
    both = other.with_correction(Correction(Target.parse("album:Blue", "Miles"), "pop"))
    assert len(both) == 2 and len(both.without(Target.parse("album:blue"))) == 1


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
TARGETS = st.builds(Target, st.sampled_from(["path", "glob", "album", "artist"]), TEXT)


@given(st.lists(st.builds(Correction, TARGETS, TEXT)))
def test_file_round_trip(tmp_path_factory, given_ones):
    results = tmp_path_factory.getbasetemp() / "genres.csv"
    write_corrections(results, Corrections(given_ones))
    assert list(read_corrections(results)) == given_ones


def test_file_format(tmp_path):
    album = Correction(Target.parse("album:Ü", "Queen"), "rock")
    write_corrections(tmp_path / "a.csv", Corrections([album]))
    text = (tmp_path / "a.csv.corrections").read_text("utf-8")
    assert text == (
        '{"streamgenre": "corrections", "format": 1}\n'
        '{"target": "album:Ü", "artist": "Queen", "genre": "rock"}\n'
    )
    assert read_corrections(tmp_path / "b.csv") is None


@pytest.mark.parametrize(
    "line",
    ["album:x jazz", "{}", "[]", '{"target": "x", "genre": "y"}', '{"target": "album:x"}',
     '{"target": "album:x", "genre": 1}', '{"target": "album:x", "genre": " "}'],
)  # fmt: skip
def test_invalid_line_is_reported(tmp_path, line):
    results = tmp_path / "a.csv"
    header = json.dumps({"streamgenre": "corrections", "format": 1})
    corrections_path(results).write_text(f"{header}\n\n{line}\n", "utf-8")
    with pytest.raises(InputError, match=r"a.csv.corrections: line 3 is not a correction"):
        read_corrections(results)


def test_byte_order_mark_and_crlf(tmp_path):
    text = '\ufeff{"target": "album:x", "genre": "y"}\r\n\r\n'
    corrections_path(tmp_path / "a.csv").write_text(text, "utf-8")
    assert [one.genre for one in read_corrections(tmp_path / "a.csv")] == ["y"]
