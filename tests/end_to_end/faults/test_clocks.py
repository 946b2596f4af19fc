"""Jumps of the wall clock, and processes that are stopped, as by the sleep of a computer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest
from support.commands import ended, environment, run, start, until
from support.lengths import encoded
from support.library import agree
from support.radio import Server, answer
from support.stations import Stations
from support.wall_clock import WallClock

import streamgenre

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
HOUR, DAY = 3_600, 86_400
JUMPS = [HOUR, -DAY, 2 * DAY]


@pytest.fixture
def wall_clock(tmp_path):
    return WallClock(tmp_path)


@pytest.fixture
def libc_clock(tmp_path):
    return WallClock(tmp_path, libc=True)


def entries(log: Path) -> list[dict]:
    text = log.read_text() if log.exists() else ""
    return [json.loads(line) for line in text.split("\n")[:-1]]


def test_live_goes_on_when_the_clock_jumps(clip, tmp_path, wall_clock):
    log = tmp_path / "log.jsonl"
    process = start("live", "--play", clip, "--log", log, "--format", "jsonl",
                    **wall_clock.settings)  # fmt: skip
    for jump in JUMPS:
        count = len(entries(log))
        until(lambda count=count: len(entries(log)) >= count + 2, process)
        wall_clock.set(jump)
    count = len(entries(log))
    until(lambda count=count: len(entries(log)) >= count + 3, process)
    process.terminate()
    assert ended(process)[0] == 143
    found = entries(log)
    assert [entry["time"] for entry in found] == [0.5 * (i + 1) for i in range(len(found))]
    clocks = [datetime.fromisoformat(entry["clock"]).timestamp() for entry in found]
    steps = [round((b - a) / HOUR) for a, b in pairwise(clocks)]
    assert [step for step in steps if step] == [1, -25, 72]  # only printed times jump


@pytest.mark.slow
def test_radio_goes_on_when_the_clock_jumps(tmp_path, libc_clock):
    """Intervals, pauses between attempts, and the schedule."""
    log = tmp_path / "log.jsonl"
    with Stations(paced=True) as stations:
        urls = [stations.urls()[name] for name in ("good mp3", "disconnects")]
        process = start("radio", *urls, "-o", log, "--interval", "1s", "--for", "40s",
                        **libc_clock.settings)  # fmt: skip
        for jump in JUMPS:
            count = len(entries(log))
            until(lambda count=count: len(entries(log)) > count, process)
            libc_clock.set(jump)
        code, _, error = ended(process, 120)
    assert code == 0, error
    good = [entry for entry in entries(log) if "good" in entry["url"]]
    assert good[-1]["status"] == "paused" and {"genre", "unsure"} & {e["status"] for e in good}
    assert not [entry for entry in good if entry["error"]]


@pytest.mark.slow
def test_a_scan_goes_on_when_the_clock_jumps(scanned, tmp_path, libc_clock):
    for jump in (-DAY, HOUR):
        result = tmp_path / f"{jump}.csv"
        call = ("scan", scanned / "music", "-o", result, "--jobs", "1")
        process = start(*call, **libc_clock.settings)
        until(Path(f"{result}.journal").exists, process)
        libc_clock.set(jump)
        code, out, error = ended(process)
        assert code == 0, error
        agree(streamgenre.read_results(result), streamgenre.read_results(scanned / "genres.csv"))
        assert (
            "3 unchanged since an earlier run, 0 classified" in run(*call, **libc_clock.settings)[1]
        )
        assert "-" not in out.split(" in ")[-1]  # durations


def test_a_stopped_radio_is_connected_again(tmp_path):
    """Stopped for longer than a source waits for data before it fails."""
    mp3 = encoded("mp3", "libmp3lame", True)
    program = """if True:
        import sys
        from support.radio import QUICK
        from streamgenre.audio.files.radio import UrlSource
        from streamgenre.audio.files.source import Gap
        for block in UrlSource(sys.argv[1], plan=QUICK).blocks():
            print(block.seconds if isinstance(block, Gap) else "sound", flush=True)
        """

    def wait(handler):
        handler.connection.settimeout(30)
        assert stopped.wait(30)

    stopped = threading.Event()
    with Server(answer(mp3, end=wait), answer(mp3)) as server:
        process = subprocess.Popen([sys.executable, "-c", program, server.url], text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=environment())  # fmt: skip
        assert process.stdout.readline() == "sound\n"
        process.send_signal(signal.SIGSTOP)
        time.sleep(4)  # QUICK.limit is 2 s
        stopped.set()
        process.send_signal(signal.SIGCONT)
        out, error = process.communicate(timeout=60)
    parts = out.split()
    (gap,) = [i for i, part in enumerate(parts) if part != "sound"]
    assert "sound" in parts[gap:]
    assert "no data for" in error  # in the end: the server has no third answer


@pytest.mark.slow
def test_a_stopped_scan_finishes(scanned, tmp_path, libc_clock):
    """The command is stopped with its workers, and the clock is an hour later."""
    result = tmp_path / "r.csv"
    process = start("scan", scanned / "music", "-o", result, "--jobs", "1", start_new_session=True,
                    **libc_clock.settings)  # fmt: skip
    until(Path(f"{result}.journal").exists, process)
    for offset in (HOUR, -HOUR):
        os.killpg(process.pid, signal.SIGSTOP)
        libc_clock.set(offset)
        time.sleep(12)
        os.killpg(process.pid, signal.SIGCONT)
        time.sleep(0.3)
    assert ended(process)[0] == 0
    assert len(streamgenre.read_results(result)) == 3


@pytest.mark.slow
def test_a_stopped_radio_monitor_goes_on(tmp_path, libc_clock):
    log = tmp_path / "log.jsonl"
    with Stations(paced=True) as stations:
        process = start("radio", stations.urls()["good mp3"], "-o", log, "--interval", "1s",
                        **libc_clock.settings)  # fmt: skip
        until(lambda: len(entries(log)) >= 3, process)
        process.send_signal(signal.SIGSTOP)
        libc_clock.set(HOUR)
        time.sleep(40)  # longer than a connection may be silent
        process.send_signal(signal.SIGCONT)
        count = len(entries(log))
        until(lambda: len(entries(log)) >= count + 8, process)
        process.terminate()
        assert ended(process)[0] == 143
    assert {"genre", "unsure"} & {entry["status"] for entry in entries(log)[-4:]}


@pytest.mark.slow
def test_a_stopped_file_of_live_goes_on(clip, tmp_path, wall_clock):
    log = tmp_path / "log.jsonl"
    process = start("live", "--play", clip, "--log", log, "--format", "jsonl",
                    **wall_clock.settings)  # fmt: skip
    until(lambda: len(entries(log)) >= 3, process)
    process.send_signal(signal.SIGSTOP)
    wall_clock.set(HOUR)
    time.sleep(5)
    process.send_signal(signal.SIGCONT)
    count = len(entries(log))
    until(lambda: len(entries(log)) >= count + 4, process)
    process.terminate()
    assert ended(process)[0] == 143
