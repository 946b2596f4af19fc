"""The plugin for beets sets genres on import and by command."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.paths import EXAMPLES, ROOT

FOLDER = os.environ.get("BEETS", "")
"""Folder of beets, if it is not installed in this environment."""
mutagen = pytest.importorskip("mutagen", reason="needs the tags extra")
pytestmark = pytest.mark.skipif(
    not (find_spec("beets") or Path(FOLDER, "beets").is_dir()), reason="needs beets"
)


@pytest.fixture
def beet(tmp_path):
    """A function that runs `beet` with a new library; its `configure` writes the settings."""

    def configure(**settings):
        lines = [f"  {name}: {value}" for name, value in ({"jobs": 1} | settings).items()]
        (tmp_path / "config.yaml").write_text(
            f"directory: {tmp_path / 'library'}\nlibrary: {tmp_path / 'library.db'}\n"
            "plugins: streamgenre\nimport: {copy: yes, autotag: no}\nstreamgenre:\n"
            + "\n".join(lines)
        )

    def call(*arguments):
        paths = os.pathsep.join(filter(None, (str(ROOT), FOLDER)))
        done = subprocess.run(
            [sys.executable, "-m", "beets", *map(str, arguments)],
            capture_output=True, text=True, timeout=300,
            env=os.environ | {"BEETSDIR": str(tmp_path), "PYTHONPATH": paths},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    call.configure = configure
    return call


@pytest.fixture
def music(tmp_path):
    folder = tmp_path / "new"
    folder.mkdir()
    for number, name in enumerate(("classical-brandenburg-2.ogg", "metal-farewell.ogg")):
        path = Path(shutil.copy(EXAMPLES / name, folder))
        path.chmod(0o644)
        tags = mutagen.File(str(path))
        tags["title"], tags["album"], tags["artist"] = name, "Album", "Artist"
        if number:
            tags["genre"] = "Noise"
        tags.save()
    return folder


def genres(folder):
    return {p.name: mutagen.File(str(p)).tags.get("genre") for p in folder.rglob("*.ogg")}


def test_on_import_and_by_command(beet, music, tmp_path):
    beet.configure()
    beet("import", "-q", "-A", music)
    listed = beet("ls", "-f", "$title: $genres, $streamgenre_confidence")
    assert "classical-brandenburg-2.ogg: Classical, 0." in listed
    assert "metal-farewell.ogg: Noise" in listed  # it already had a genre
    beet("write")  # with -A, tags are only written now
    assert sorted(genres(tmp_path / "library").values()) == [["Classical"], ["Noise"]]
    assert beet("streamgenre").strip() == ""
    shown = beet("streamgenre", "--pretend", "--force", "metal")
    assert "Noise → " in shown and "Noise" in beet("ls", "-f", "$genres", "metal")
    beet("streamgenre", "-f", "metal")
    assert ["Noise"] not in genres(tmp_path / "library").values()


def test_no_genres_on_import_without_auto(beet, music, tmp_path):
    beet.configure(auto="no", map="musicbrainz", by="album", force="yes")
    beet("import", "-q", "-A", music)
    assert None in genres(tmp_path / "library").values()
    beet("streamgenre")
    found = [*genres(tmp_path / "library").values()]
    # One genre for the album, or none if its two tracks disagree too much.
    assert found[0] == found[1] or found.count(["Noise"]) == 1
    assert all(name == name.lower() for values in found for name in values or () if name != "Noise")
