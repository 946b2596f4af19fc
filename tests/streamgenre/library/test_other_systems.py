"""Paths and tables of other systems and locales."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.library import write_sound
from support.paths import ROOT

from streamgenre.library.corrections import Target
from streamgenre.library.report.looks import looks
from streamgenre.library.report.page import write_page
from streamgenre.library.report.tables import build
from streamgenre.library.results import read_results
from streamgenre.library.row import Row, split_path, system_path

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX file names and locales")

WINDOWS = (
    r"C:\Music\Jazz\Blue\a.mp3", r"D:\b.mp3", r"\\nas\music\c.mp3", r"c:\Music\Jazz\Hot\d.mp3",
    "s3://bucket/e.mp3",
)  # fmt: skip


def row(path):
    return Row(
        path, 1, 1.0, 60.0, "genre", "jazz", confidence=0.8, styles={}, music=1.0, segments=(),
        probabilities={"jazz": 0.8, "rock": 0.2}, model="m 1 0",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        (r"C:\Music\a.mp3", (r"C:\Music", "a.mp3")),
        (r"C:\a.mp3", ("C:\\", "a.mp3")),
        (r"\\nas\music\a.mp3", (r"\\nas\music", "a.mp3")),
        ("s3://bucket/music/a.mp3", ("s3://bucket/music", "a.mp3")),
        ("/music/a\\b.mp3", ("/music", "a\\b.mp3")),
        ("/a.mp3", ("/", "a.mp3")),
    ],
)
def test_a_path_is_split_as_on_its_system(path, parts):
    assert split_path(path) == parts


@pytest.mark.parametrize(
    ("target", "path", "expected"),
    [
        (r"path:C:\Music", r"C:\Music\Jazz\a.mp3", True),
        ("path:C:\\Music\\", r"C:\Music\Jazz\a.mp3", True),
        (r"path:C:\Mus", r"C:\Music\Jazz\a.mp3", False),
        ("path:C:\\", r"C:\a.mp3", True),
        (r"path:\\nas\music", r"\\nas\music\a.mp3", True),
        ("path:s3://bucket/music", "s3://bucket/music/a.mp3", True),
        (r"glob:jazz\*", r"C:\Music\Jazz\a.mp3", True),
        ("glob:jazz/*", r"C:\Music\Jazz\a.mp3", True),
        ("glob:a.mp3", r"C:\Music\Jazz\a.mp3", True),
        (r"glob:azz\*", r"C:\Music\Jazz\a.mp3", False),
        (r"glob:jazz\*", "/music/jazz/a.mp3", False),
    ],
)
def test_targets_of_corrections_match_paths_of_windows(target, path, expected):
    assert Target.parse(target).matcher()(row(path)) is expected


def test_a_table_of_several_drives_and_stores_becomes_a_page(tmp_path):
    """Their folders have no common root, and each has a link of its kind."""
    rows = [*map(row, WINDOWS), row(str(tmp_path / "music" / "f.mp3"))]
    report = build(rows, ("jazz", "rock"))
    write_page(tmp_path / "page.html", report, "genres.csv", looks(report.genres))
    text = (tmp_path / "page.html").read_text("utf-8")
    begin = text.index('{"root":')
    data, _ = json.JSONDecoder().raw_decode(text[begin:])
    links = dict(data["folders"])
    assert data["root"] == 0
    assert links["s3://bucket"] == "s3://bucket/"
    if os.name == "posix":
        assert links[r"C:\Music\Jazz\Blue"] == "file:///C:/Music/Jazz/Blue/"
        assert links["D:\\"] == "file:///D:/"
        assert links[r"\\nas\music"] == "file://nas/music/"
    assert links[str(tmp_path / "music")] == "./music/"


_ALL = """
import os
from streamgenre.cli.main import run

results = os.fsdecode("g\\u00fcs.csv".encode())  # as Python decodes an argument
assert run(["scan", "music", "--jobs", "1", "-o", results]) == 0
assert run(["report", results]) == 0
assert run(["tags", results]) == 0
assert run(["correct", results, "path:music", "rock"]) == 0
assert run(["correct", results, "--manifest", "m.csv"]) == 0
assert run(["list.m3u8", "--format", "jsonl", "-o", "l.jsonl"]) == 0
"""
_LOCALES = {
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "unset": {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
}


@posix
@pytest.mark.parametrize("locale", _LOCALES)
def test_results_do_not_depend_on_the_locale(tmp_path, locale):
    """Tables are UTF-8, and their paths are found again, whatever the locale."""
    pytest.importorskip("mutagen", reason="needs the `tags` extra")
    music = tmp_path / "music" / "Ünter 日本"
    music.mkdir(parents=True)
    write_sound(music / "ñ.wav", 1)
    names = [os.fsencode(music / "ñ.wav")]
    try:
        bad = Path(os.fsdecode(os.fsencode(music) + b"/\xe9\xff.wav"))
        write_sound(bad, 2)
        names.append(os.fsencode(bad))
    except OSError:
        pass  # this file system has no such names
    (tmp_path / "list.m3u8").write_bytes(b"#EXTM3U\n" + b"\n".join(names) + b"\n")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", "PYTHON"))}
    done = subprocess.run(
        [sys.executable, "-c", _ALL],
        cwd=tmp_path,
        env={**clean, "PYTHONPATH": str(ROOT), **_LOCALES[locale]},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode("utf-8", "replace")
    (results,) = (path for path in tmp_path.glob("*.csv") if path.name != "m.csv")
    assert os.fsencode(results.name) == "güs.csv".encode()
    rows = list(read_results(results))
    assert [os.fsencode(system_path(row.path)) for row in rows] == sorted(names)
    assert [row.corrected for row in rows] == ["rock"] * len(names)
    assert "Ünter 日本" in results.with_suffix(".html").read_text("utf-8")
    assert len((tmp_path / "m.csv").read_text("utf-8").splitlines()) == 2
    lines = (tmp_path / "l.jsonl").read_text("utf-8").splitlines()
    assert len({json.loads(line)["file"] for line in lines}) == len(names)
