"""The network is used only for a URL that the user gives.

Python's sockets are watched in all processes. Where the system can start processes without a
network (unshare), the commands run in one: they must succeed, whatever C libraries try.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

GUARD = Path(__file__).parents[2] / "support" / "offline"


@cache
def isolated() -> tuple[str, ...]:
    """The beginning of a command that runs without a network; empty if that is not possible."""
    command = (shutil.which("unshare") or "", "--map-root-user", "--net")
    if not command[0] or subprocess.run([*command, "true"], capture_output=True).returncode:
        return ()
    return command


@pytest.fixture
def offline(tmp_path):
    """Runs Python with arguments under the guard; returns what it prints and what it tried."""

    def call(*arguments, isolate=True, codes=(0,)):
        used = tmp_path / "network-used"
        path = os.pathsep.join(filter(None, [str(GUARD), os.environ.get("PYTHONPATH")]))
        done = subprocess.run(
            [*(isolated() if isolate else ()), sys.executable, *map(str, arguments)],
            cwd=tmp_path, capture_output=True, text=True, check=False,
            env=os.environ | {"PYTHONPATH": path, "NETWORK_USED": str(used)},
        )  # fmt: skip
        tried = used.read_text() if used.exists() else ""
        assert tried or done.returncode in codes, done.stderr
        return done.stdout, tried

    return call


@pytest.mark.parametrize(
    "program",
    [
        "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9')",
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import socket; socket.getaddrinfo('localhost', 80)",
        "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))",
        "import subprocess, sys; "
        "subprocess.run([sys.executable, '-c', 'import socket; socket.gethostbyname(\"a\")'])",
    ],
)
def test_the_guard_notices(offline, program):
    _, tried = offline("-c", program, isolate=False)
    assert tried


def test_a_url_uses_the_network(offline):
    _, tried = offline("-m", "streamgenre", "http://127.0.0.1:9/a.mp3", codes=(3,))
    assert tried


def test_the_commands_use_no_network(offline, clip, tmp_path):
    music = tmp_path / "music"
    music.mkdir()
    shutil.copy(clip, music)

    def run(*arguments, codes=(0,)):
        shown, tried = offline("-m", "streamgenre", *arguments, codes=codes)
        assert not tried, tried
        return shown

    assert "classical" in run(music / clip.name)
    run("-o", "page.html", music / clip.name)
    run("scan", music, "-o", "r.csv")
    run("report", "r.csv", "-o", "report.html")
    if find_spec("mutagen"):
        run("tags", "r.csv")
    run("info")
    run("doctor", codes=(0, 1))  # there may be no sound device
    shown, tried = offline(
        "-c", f"import streamgenre; print(streamgenre.classify({str(music / clip.name)!r}).genre)"
    )
    assert shown.strip() == "classical" and not tried


@pytest.mark.slow
def test_export_and_verification_use_no_network(offline):
    pytest.importorskip("onnx", reason="needs the export extra")
    for arguments in (["package"], ["--verify", "package"]):
        _, tried = offline("-m", "streamgenre", "export", *arguments)
        assert not tried, tried
