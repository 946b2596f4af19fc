"""SIGKILL at any step: earlier results survive, no result is half-written, the next run works."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.commands import KILLS, ended, run, start, until
from support.library import agree

import streamgenre
from streamgenre.library.corrections import read_corrections

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX signals")


@dataclass(frozen=True)
class Case:
    """A command that writes `result`. `complete`: whether a text is a complete result."""

    arguments: tuple[str, ...]
    result: str
    complete: Callable[[bytes], bool]


def ends(text: bytes) -> Callable[[bytes], bool]:
    return lambda data: data.endswith(text)


def is_json(data: bytes) -> bool:
    return [json.loads(line)["status"] for line in data.splitlines()] != []


FORMATS = {
    "json": is_json,
    "csv": lambda data: data.count(b"\n") >= 2 and data.endswith(b"\n"),
    "txt": ends(b"real time\n"),
    "srt": ends(b"\n"),
    "vtt": ends(b"\n"),
    "html": ends(b"</html>\n"),
    "svg": ends(b"</svg>\n"),
    "png": ends(b"IEND\xaeB`\x82"),
}
CASES = {
    **{
        form: Case(("-o", f"out.{form}", "music/0.flac"), f"out.{form}", complete)
        for form, complete in FORMATS.items()
    },
    "folder": Case(("-o", "out/", "--format", "json", "music/0.flac"), "out/music/0.flac.json",
                   is_json),
    "report": Case(("report", "genres.csv", "-o", "out.html"), "out.html", ends(b"</html>\n")),
    "manifest": Case(("correct", "genres.csv", "--manifest", "out.csv"), "out.csv", ends(b"\n")),
}  # fmt: skip
EARLIER = b"an earlier result\n"


def kill_at_steps(library: Path, case: Case, every: int) -> int:
    """Kill the command at its steps 1, 1 + every, ... Returns the number of kills."""
    result = library / case.result
    result.parent.mkdir(parents=True, exist_ok=True)
    kills = 0
    while True:
        result.write_bytes(EARLIER)
        settings = {"KILL_AT": str(1 + kills * every), "KILL_UNDER": str(library)}
        code, _, error = run(*case.arguments, folders=[KILLS], env=settings, cwd=library)
        data = result.read_bytes()
        if code != -signal.SIGKILL:
            assert code == 0, error
            assert case.complete(data) and data != EARLIER
            return kills
        assert data == EARLIER or case.complete(data), (kills, data[-100:])
        kills += 1


def prepare(library: Path) -> None:
    code, _, error = run("correct", "genres.csv", "glob:0.flac", "rock", cwd=library)
    assert code == 0, error


@pytest.mark.parametrize("name", ["json"])
def test_killed_at_some_steps(library, name):
    prepare(library)
    assert kill_at_steps(library, CASES[name], 3) >= 2


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_killed_at_any_step(library, name):
    prepare(library)
    assert kill_at_steps(library, CASES[name], 1) >= 2


def corrected(library: Path) -> dict[str, str | None]:
    rows = streamgenre.read_results(library / "genres.csv")
    return {Path(row.path).name: row.corrected for row in rows}


def kill_corrections(library: Path, every: int) -> int:
    """Kill `correct` at its steps. What earlier calls confirmed must be in file and table."""
    kills, names = 0, ["rock", "jazz"]
    assert run("correct", "genres.csv", "glob:1.flac", "folk", cwd=library)[0] == 0
    while True:
        genre = names[kills % 2]
        settings = {"KILL_AT": str(1 + kills * every), "KILL_UNDER": str(library)}
        code, out, error = run(
            "correct", "genres.csv", "glob:0.flac", genre, folders=[KILLS], env=settings,
            cwd=library,
        )  # fmt: skip
        found = corrected(library)
        assert found["1.flac"] == "folk" and found["2.flac"] is None
        assert found["0.flac"] in (None, *names)
        assert len(read_corrections(library / "genres.csv") or ()) in (1, 2)
        if code == 0:
            assert found["0.flac"] == genre and genre in out
            return kills
        assert code == -signal.SIGKILL, error
        kills += 1


def test_corrections_killed_at_some_steps(library):
    assert kill_corrections(library, 5) >= 2


@pytest.mark.slow
def test_corrections_killed_at_any_step(library):
    assert kill_corrections(library, 1) >= 6


@pytest.mark.slow
@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_scan_killed_at_any_step(scanned, tmp_path, form):
    """The steps of the command itself; tests of `scan` kill it while workers run."""
    if form == "parquet":
        pytest.importorskip("pyarrow", reason="needs the library extra")
    result = tmp_path / f"r.{form}"
    kills = 0
    while True:
        settings = {"KILL_AT": str(1 + kills), "KILL_UNDER": str(tmp_path)}
        code, out, error = run(
            "scan", scanned / "music", "-o", result, "--jobs", "1", folders=[KILLS], env=settings
        )
        if code == 0:
            break
        assert code == -signal.SIGKILL, error
        if result.exists():
            assert len(streamgenre.read_results(result)) == 3
        kills += 1
    agree(streamgenre.read_results(result), streamgenre.read_results(scanned / "genres.csv"))
    assert kills >= 2
    # Nothing was classified again.
    assert "3 files; 3 unchanged since an earlier run, 0 classified" in out


@pytest.mark.slow
def test_an_export_killed_at_some_steps_keeps_a_package(package, tmp_path):
    from streamgenre.package.contents import read_package_card

    target = tmp_path / "package"
    shutil.copytree(package, target)
    before = (target / "card.json").read_bytes()
    for step in (1, 30, 100):
        settings = {"KILL_UNDER": str(tmp_path), "KILL_AT": str(step)}
        code, _, error = run("export", target, folders=[KILLS], env=settings)
        assert code == -signal.SIGKILL, error
        assert (target / "card.json").read_bytes() == before
    read_package_card(target)
    assert run("export", target)[0] == 0
    read_package_card(target)


def lines(path: Path) -> list[str]:
    return path.read_text().split("\n")[:-1] if path.exists() else []


def test_the_log_of_a_killed_run_is_continued(clip, tmp_path):
    """A complete line is kept, and a cut one does not damage the next one."""
    log, cut = tmp_path / "log.jsonl", '{"input": "cut'
    before: list[str] = []
    for _ in range(2):
        count = len(before)
        process = start("live", "--play", clip, "--log", log, "--format", "jsonl")
        until(lambda count=count: len(lines(log)) >= count + 3, process)
        process.kill()
        ended(process)
        after = lines(log)
        assert after[:count] == before
        assert all(json.loads(line)["input"] for line in after[count:])
        before = [*after, cut]
        with log.open("a") as file:
            file.write(cut)  # as the kill of a write leaves it


@pytest.mark.slow
def test_random_kills_of_a_run_over_many_files(clip, tmp_path):
    """`-o` with jsonl, json and text: what the file has is complete, whenever the kill comes."""
    rng = random.Random(2)
    for form in ("jsonl", "json", "txt", "csv"):
        target = tmp_path / f"out.{form}"
        for _ in range(12):
            process = start("-o", target, *[clip] * 20)
            until(target.exists, process)
            time.sleep(rng.uniform(0, 1.0))
            process.kill()
            ended(process)
            data = target.read_bytes()
            if form in ("jsonl", "json"):
                whole, _, rest = data.rpartition(b"\n")
                assert form == "jsonl" or not rest
                assert all(json.loads(line)["file"] for line in whole.splitlines())
            assert data
            target.unlink()
