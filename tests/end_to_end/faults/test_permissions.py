"""Permission that is lost while a command runs."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.commands import ended, run, start, until
from support.server import Page, served

import streamgenre


@contextmanager
def immutable(path: Path):
    """Not even root can write to a file, or create and replace files in a folder."""
    if (
        shutil.which("chattr") is None
        or subprocess.run(["chattr", "+i", str(path)], capture_output=True).returncode
    ):
        pytest.skip("files cannot be made immutable here")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", str(path)], check=True)


@contextmanager
def slow_radio(clip):
    """A radio that ends when the test has released it."""
    released = []

    def send(write):
        for _ in range(600):
            if released:
                break
            time.sleep(0.1)
        write(clip.read_bytes())

    with served({"/radio": Page(kind="audio/ogg", write=send)}) as base:
        yield f"{base}/radio", released


@pytest.mark.parametrize("form", ["json", pytest.param("txt", marks=pytest.mark.slow)])
def test_a_folder_becomes_read_only(clip, tmp_path, form):
    """The results of the first file are kept."""
    target = tmp_path / f"out.{form}"
    with slow_radio(clip) as (url, released):
        process = start("-o", target, clip, url)
        until(target.exists, process)
        before = target.read_text()
        with immutable(tmp_path):
            released.append(True)
            code, _, error = ended(process)
    assert code == 1
    assert error.count("\n") == 1 and f"{target}: cannot be written: Operation not" in error
    assert target.read_text() == before


def test_a_log_of_live_becomes_read_only(clip, tmp_path):
    """It continues when it can be written again."""
    log = tmp_path / "log.jsonl"

    def count():
        return log.read_text().count("\n") if log.exists() else 0

    process = start("live", "--play", clip, "--log", log, "--format", "jsonl")
    until(lambda: count() >= 2, process)
    before = log.read_text()
    with immutable(log):
        for _ in range(4):
            assert json.loads(process.stdout.readline())
        assert log.read_text().startswith(before)
    until(lambda: count() >= before.count("\n") + 3, process)
    process.terminate()
    assert ended(process)[0] == 143
    assert [json.loads(line)["input"] for line in log.read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("what", ["folder", "journal"])
def test_a_scan_loses_its_permission(scanned, tmp_path, what):
    result = tmp_path / "r.csv"
    journal = Path(f"{result}.journal")
    call = ("scan", scanned / "music", "-o", result, "--jobs", "1")
    process = start(*call)
    until(journal.exists, process)
    with immutable(tmp_path if what == "folder" else journal):
        code, out, error = ended(process)
    assert code in (0, 1) and "Traceback" not in error and error.count("\n") == code
    if code:
        assert not result.exists() and out == ""
    assert run(*call)[0] == 0
    assert len(streamgenre.read_results(result)) == 3


@pytest.mark.slow
@pytest.mark.parametrize("what", ["folder", "genres.csv", "genres.csv.corrections"])
def test_corrections_without_permission(library, what):
    assert run("correct", "genres.csv", "glob:0.flac", "rock", cwd=library)[0] == 0
    table = library / "genres.csv"
    before = [row.corrected for row in streamgenre.read_results(table)]
    with immutable(library if what == "folder" else library / what):
        code, out, error = run("correct", "genres.csv", "glob:1.flac", "jazz", cwd=library)
    assert code == 1 and out == "" and error.count("\n") == 1
    assert next(row.corrected for row in streamgenre.read_results(table)) == before[0]
    assert run("correct", "genres.csv", "glob:1.flac", "jazz", cwd=library)[0] == 0
    assert [row.corrected for row in streamgenre.read_results(table)] == ["rock", "jazz", None]


@pytest.mark.slow
def test_tags_without_permission(scanned, tmp_path):
    pytest.importorskip("mutagen", reason="needs the tags extra")
    music, table = tmp_path / "music", tmp_path / "r.csv"
    shutil.copytree(scanned / "music", music)
    assert run("scan", music, "-o", table, "--jobs", "1")[0] == 0
    assert run("correct", table, "glob:*.flac", "rock")[0] == 0
    before = [path.read_bytes() for path in sorted(music.iterdir())]
    for locked in (music, table.parent):
        with immutable(locked):
            code, out, error = run("tags", table, "--write")
        assert code == 1 and "Traceback" not in out + error
        assert [path.read_bytes() for path in sorted(music.iterdir())] == before
    assert run("tags", table, "--write")[0] == 0


@pytest.mark.slow
def test_a_radio_log_becomes_read_only(tmp_path):
    log = tmp_path / "log.jsonl"
    call = ("radio", "http://127.0.0.1:9/", "-o", log, "--interval", "1s")
    process = start(*call)
    until(lambda: log.exists() and log.stat().st_size, process)
    before = log.read_text()
    with immutable(log):
        code, _, error = ended(process)
    assert (
        code == 1 and error == f"streamgenre: {log}: cannot be written: Operation not permitted\n"
    )
    assert log.read_text().startswith(before)
    process = start(*call)
    until(lambda: log.stat().st_size > len(before), process)
    process.terminate()
    assert ended(process)[0] == 143
    assert all(json.loads(line)["station"] for line in log.read_text().splitlines())
