"""`streamgenre radio` on the command line: log, termination and display."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.processes import default_signals, environment_of_a_terminal
from support.server import Page, served
from support.waiting import wait_for

from streamgenre.cli.main import run

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
COMMAND = [sys.executable, "-m", "streamgenre", "radio"]


@pytest.fixture
def dead(tmp_path):
    """A playlist of two missing stations, one with a password in its address."""
    with served({}) as url:
        path = tmp_path / "list.m3u"
        secret = url.replace("//", "//me:secret@")
        path.write_text(f"#EXTM3U\n#EXTINF:-1,One\n{url}/1\n{secret}/2\n", encoding="utf-8")
        yield path


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def started(*arguments, **options):
    return subprocess.Popen([*COMMAND, *map(str, arguments)], **options)


@POSIX
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_log_is_appended_and_complete_after_a_signal(dead, tmp_path, number, code):
    log = tmp_path / "radio.jsonl"
    log.write_text('{"cut o', encoding="utf-8")  # truncated by a crash
    process = started(dead, "-o", log, "--interval", "0.2", preexec_fn=default_signals)
    wait_for(lambda: log.read_text("utf-8").count("\n") > 6)
    process.send_signal(number)
    assert process.wait(600) == code
    first, *rest = log.read_text("utf-8").splitlines()
    assert first == '{"cut o'
    found = lines("\n".join(rest))
    assert [line["status"] for line in found[-2:]] == ["paused", "paused"]
    assert {line["error"] for line in found[:-2]} == {"there is nothing at this address (404)"}
    assert {line["station"] for line in found[1:3]} | {found[0]["station"]} >= {"One"}
    assert "secret" not in log.read_text("utf-8") and "http://...@" in log.read_text("utf-8")


@POSIX
def test_closed_pipe_exits_with_0(dead):
    process = started(
        dead, "--interval", "0.2", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert lines(process.stdout.readline())[0]["schema"] == 1
    process.stdout.close()
    assert process.wait(600) == 0
    assert process.stderr.read() == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("option", [["-o", "/dev/full"], []], ids=["file", "stdout"])
def test_full_disk_exits_with_1(dead, option):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(
            [*COMMAND, str(dead), *option], stdout=full, stderr=subprocess.PIPE, text=True,
            timeout=600, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    (message,) = done.stderr.splitlines()
    assert "No space left" in message


def test_single_sessions_end_the_command(dead, tmp_path, capsys):
    assert run(["radio", str(dead), "--for", "1s"]) == 0
    found = lines(capsys.readouterr().out)
    assert [line["status"] for line in found].count("paused") == 2


def test_unreadable_lists_exit_with_3(tmp_path, capsys):
    path = tmp_path / "list.m3u"
    path.write_text("song.mp3\n", encoding="utf-8")
    assert run(["radio", str(path), str(tmp_path / "gone.pls")]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "song.mp3 is not an http(s) address" in captured.err
    assert "gone.pls: no such file" in captured.err


@pytest.mark.parametrize(
    "options",
    [
        ["--every", "1h"],
        ["--for", "2h", "--every", "1h"],
        ["--interval", "soon"],
        ["--for", "-1"],
        ["-o", "."],
    ],
)
def test_wrong_usage(options, capsys):
    assert run(["radio", "http://127.0.0.1:1/", *options]) == 2


@POSIX
def test_stations_are_shown_on_a_terminal():
    import pty

    with served({"/x": Page(b"<html>no radio</html>")}) as url:
        parent, child = pty.openpty()
        with started(
            f"{url}/x",
            stdout=subprocess.PIPE,
            stderr=child,
            env={**environment_of_a_terminal(), "TERM": "xterm"},
            preexec_fn=default_signals,
        ) as process:
            os.close(child)
            shown = b""
            while b"no signal" not in shown or b"1 down" not in shown:
                shown += os.read(parent, 4096)
            process.send_signal(signal.SIGINT)
            log = lines(process.communicate(timeout=600)[0].decode())
        while b"\x1b[?25h" not in shown:  # the cursor is visible again
            shown += os.read(parent, 4096)
        os.close(parent)
    assert process.returncode == 130
    assert "is a web page" in log[0]["error"] and log[-1]["status"] == "paused"
