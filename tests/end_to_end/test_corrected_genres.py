"""From a scan to a model of the corrected genres, with the commands that docs/library.md names."""

from __future__ import annotations

import csv
import subprocess
import sys

import pytest
import soundfile
from support.paths import EXAMPLES

import streamgenre

pytest.importorskip("sklearn", reason="needs the adapt extra")
pytest.importorskip("onnx", reason="needs the adapt extra")
GENRES = {"metal": "heavy", "classical": "calm", "electronic": "techno"}
PARTS = 2  # of each clip


@pytest.fixture
def library(tmp_path):
    for clip in EXAMPLES.glob("*-*.ogg"):
        samples, rate = soundfile.read(clip, always_2d=True)
        size = len(samples) // PARTS
        for part in range(PARTS):
            name = f"{clip.stem} {part}.flac"
            (tmp_path / "music").mkdir(exist_ok=True)
            soundfile.write(
                tmp_path / "music" / name, samples[part * size : (part + 1) * size], rate
            )
    return tmp_path


@pytest.mark.slow
def test_a_model_is_trained_on_corrections(library):
    def command(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "streamgenre", *arguments],
            cwd=library,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    command("scan", "music", "-o", "genres.csv")
    for name, genre in GENRES.items():
        command("correct", "genres.csv", f"glob:{name}*", genre, "--new")
    printed = command("correct", "genres.csv", "--manifest", "music.csv")
    with (library / "music.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert printed == f"music.csv: {len(rows)} files of 3 genres\n"
    assert {row["genre"] for row in rows} == {*GENRES.values()}

    assert "written: mine.onnx" in command(
        "adapt", "music.csv", "-o", "mine.onnx", "--cache", "cache"
    )
    model = streamgenre.load(library / "mine.onnx")
    assert sorted(model.card.label_names) == sorted(GENRES.values())
    right = [model.classify(row["path"]).genre == row["genre"] for row in rows]
    assert sum(right) > 0.8 * len(right)
    # The new model scans the library again, and the corrections are kept.
    command("scan", "music", "-o", "genres.csv", "--model", "mine.onnx")
    again = list(streamgenre.read_results(library / "genres.csv"))
    assert {row.corrected for row in again} == {None, *GENRES.values()}
