"""Network streams that stall, send garbage, end and return."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest
from support.commands import ended, start, until
from support.lengths import encoded
from support.radio import Server, answer, reset

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX signals")


@pytest.fixture(scope="module")
def mp3():
    return encoded("mp3", "libmp3lame", True)


def entries(log: Path) -> list[dict]:
    text = log.read_text() if log.exists() else ""
    return [json.loads(line) for line in text.split("\n")[:-1]]


def hold(handler):
    """Send no more, until the client disconnects."""
    handler.connection.settimeout(300)
    handler.connection.recv(1)


GARBAGE = bytes(range(256)) * 40


@pytest.mark.parametrize("command", ["timeline", pytest.param("live", marks=pytest.mark.slow),
                                     pytest.param("radio", marks=pytest.mark.slow)])  # fmt: skip
def test_a_stream_that_breaks_sends_garbage_and_returns(mp3, tmp_path, command):
    log = tmp_path / "log.jsonl"
    sequence = [answer(mp3, end=reset), answer(GARBAGE), answer(mp3, end=hold)]
    with Server(*sequence) as server:
        options = {
            "timeline": ("-o", log, "--format", "jsonl", server.url),
            "live": ("live", "--input", server.url, "--log", log, "--format", "jsonl"),
            "radio": ("radio", server.url, "-o", log, "--interval", "1s"),
        }
        process = start(*options[command])

        def is_back():
            states = [entry["status"] for entry in entries(log)]
            gaps = [i for i, state in enumerate(states) if state == "gap"]
            return len(server.requests) >= 3 and gaps and len(states) > gaps[-1] + 1

        until(is_back, process)
        process.terminate()
        code, _, error = ended(process)
    assert code == 143 and "Traceback" not in error
    times = [entry["time"] for entry in entries(log) if "time" in entry]
    assert times == sorted(times)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["timeline", "radio"])
def test_a_stream_that_stalls_is_connected_again(mp3, tmp_path, command):
    """After 30 seconds."""
    log = tmp_path / "log.jsonl"
    with Server(answer(mp3, end=hold), answer(mp3, end=hold)) as server:
        options = {
            "timeline": ("-o", log, "--format", "jsonl", server.url),
            "radio": ("radio", server.url, "-o", log, "--interval", "1s"),
        }
        process = start(*options[command])
        until(lambda: len(server.requests) == 2, process)
        count = len(entries(log))
        until(lambda: len(entries(log)) >= count + 2, process)
        process.terminate()
        assert ended(process)[0] == 143
    assert "gap" in [entry["status"] for entry in entries(log)]


def test_a_gap_includes_the_sleep_of_the_computer(mp3, monkeypatch):
    from support.radio import QUICK

    from streamgenre.audio.files import radio
    from streamgenre.audio.files.source import Gap

    slept = threading.Event()
    true = radio.elapsed
    monkeypatch.setattr(radio, "elapsed", lambda: true() + 3_600 * slept.is_set())

    def wake(handler):
        slept.set()
        answer(mp3, {})(handler)

    with Server(answer(mp3), wake) as server:
        source = radio.UrlSource(server.url, plan=QUICK)
        parts = [part for part in source.blocks() if isinstance(part, Gap)]
        source.close()
    assert sum(part.seconds for part in parts) == pytest.approx(3_600, abs=60)
