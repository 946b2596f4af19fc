"""Internet radio on the command line: display, results and exit codes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime

import pytest
import soundfile
from support.lengths import encoded
from support.paths import EXAMPLES
from support.processes import default_signals
from support.radio import QUICK, Server, answer, hang

from streamgenre.audio.files import radio
from streamgenre.cli.main import run
from streamgenre.live.listener import listen


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    """Six seconds of metal as mp3."""
    samples, rate = soundfile.read(EXAMPLES / "metal-farewell.ogg", frames=6 * 44_100)
    path = tmp_path_factory.mktemp("song") / "x.mp3"
    soundfile.write(path, samples, rate, format="MP3")
    return path.read_bytes()


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(radio, "RECONNECTION", QUICK)


def test_lines_of_a_url_have_the_time_of_day(song, capsys, tmp_path):
    with Server(answer(song, {})) as server:
        assert run(["--format", "jsonl", server.url]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 3
    for line in lines:
        assert list(line)[:3] == ["file", "time", "clock"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["clock"])
        assert datetime.fromisoformat(line["clock"]) <= datetime.now(UTC)
    (tmp_path / "x.mp3").write_bytes(song)
    run(["--format", "jsonl", str(tmp_path / "x.mp3")])
    assert "clock" not in json.loads(capsys.readouterr().out.splitlines()[0])


def test_a_lost_radio_prints_its_timeline_and_ends_with_3(song, capsys, quick):
    with Server(answer(song), answer(song)) as server:
        assert run([server.url]) == 3
    captured = capsys.readouterr()
    assert "Metal" in captured.out
    assert "no data for" in captured.err


def test_reconnect_is_an_option(song, capsys, quick):
    with Server(answer(song, {}), answer(song, {})) as server:
        assert run(["--format", "jsonl", "--reconnect", server.url]) == 3
        assert len(server.requests) > 2
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("status") for line in lines].count("gap") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_radio_shows_its_genre_and_prints_its_timeline_on_ctrl_c(song):
    import pty

    waiting = threading.Event()
    with Server(answer(song, end=lambda _: waiting.wait(600))) as server:
        parent, child = pty.openpty()
        command = [sys.executable, "-m", "streamgenre", server.url]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=child, preexec_fn=default_signals
        ) as process:
            os.close(child)
            shown = b""
            while b"Metal" not in shown:
                shown += os.read(parent, 4096)
            process.send_signal(signal.SIGINT)
            output = process.communicate(timeout=600)[0].decode()
        waiting.set()
        os.close(parent)
    assert process.returncode == 130
    assert "Metal" in output and "Whole recording" in output


def test_a_radio_is_a_silent_live_input(song, quick):
    with Server(answer(song), answer(song, end=hang)) as server, listen(server.url) as listener:
        assert listener.source._speaker is None
        statuses = []
        for update in listener:
            statuses.append(update.status)
            if "gap" in statuses and statuses[-1] != "gap":
                break
    assert "gap" in statuses


def test_all_audio_of_a_live_url_is_read():
    with Server(answer(encoded("wav", "pcm_s16le"), {})) as server:
        updates = list(listen(server.url))
    assert updates[-1].time == pytest.approx(3.0, abs=0.05)
