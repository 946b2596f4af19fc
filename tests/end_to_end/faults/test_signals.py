"""SIGINT, SIGTERM and SIGHUP at any moment, once and twice: documented exit codes, no traceback."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from itertools import count, cycle

import pytest
from support.commands import ended, environment, run, start, temporaries, until
from support.processes import default_signals
from support.server import Page, served

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX signals")

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
TWICE = [None, 0.0, 0.02, 0.2]  # s until the second signal; None: one signal only
COMMANDS = {
    "json": ("-o", "out.json", "music/0.flac", "music/1.flac"),
    "report": ("report", "genres.csv", "-o", "out.html"),
    "correct": ("correct", "genres.csv", "glob:0.flac", "rock"),
    "tags": ("tags", "genres.csv", "--write"),
    "scan": ("scan", "music", "-o", "out.csv", "--jobs", "1"),
    "live": ("live", "--play", "music/0.flac", "--log", "out.jsonl", "--record", "out.flac"),
    "help": ("--help",),
}


def send(process, number, again):
    process.send_signal(number)
    if again is not None:
        time.sleep(again)
        process.send_signal(number)


def check(code, error, number, folder):
    if "KeyboardInterrupt" in error and f"streamgenre{os.sep}cli" not in error:
        return  # Python itself was starting, and printed its own error
    # During the imports, the system ends the process. Shells show 128 + n.
    assert code in (0, 128 + number, -number), (code, error)
    for line in error.splitlines():
        assert line.startswith("streamgenre: "), error
    assert temporaries(folder) == []


def storm(library, arguments, step):
    """Signals at delays from the start to the end of the command. Returns the exit codes."""
    began = time.monotonic()
    run(*arguments, cwd=library)
    length = time.monotonic() - began
    codes = []
    kinds = cycle((number, again) for again in TWICE for number in SIGNALS)
    for i in count():
        if i * step > 1.2 * length:
            return codes
        for path in library.glob("out*"):
            path.unlink()
        number, again = next(kinds)
        process = start(*arguments, cwd=library)
        time.sleep(i * step)
        send(process, number, again)
        code, _, error = ended(process, 60)
        check(code, error, number, library)
        codes.append(code)


def test_signals_at_some_moments(library):
    storm(library, COMMANDS["json"], 0.4)


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_signals_at_any_moment(library, name):
    if name == "tags":
        pytest.importorskip("mutagen", reason="needs the tags extra")
        music = (library / "music").resolve()
        (library / "music").unlink()
        shutil.copytree(music, library / "music")
        assert run("scan", "music", "-o", "genres.csv", "--jobs", "1", cwd=library)[0] == 0
    storm(library, COMMANDS[name], 0.1 if name == "live" else 0.02)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_second_signal_does_not_interrupt_the_clean_up(clip, tmp_path, number):
    """As when a terminal closes, or a system stops: SIGHUP and SIGTERM in quick succession."""

    def silent(write):
        time.sleep(600)

    with served({"/radio": Page(kind="audio/mpeg", write=silent)}) as base:
        target = tmp_path / "out.json"
        process = start("-o", target, clip, f"{base}/radio")
        until(target.exists, process)  # now it waits for the radio, inside a C library
        process.send_signal(number)
        for _ in range(5):
            time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
        code, _, error = ended(process, 60)
    assert code in (128 + number, 143) and "Traceback" not in error
    assert error.endswith(f"streamgenre: interrupted; {target} keeps the results of 1 file\n")
    assert target.stat().st_size and temporaries(tmp_path) == []


def test_a_signal_that_nohup_ignores_does_not_end_the_command(library):
    process = start(
        *COMMANDS["json"], cwd=library,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )  # fmt: skip
    until(lambda: temporaries(library) != [], process)
    process.send_signal(signal.SIGHUP)
    assert ended(process)[0] == 0


def test_a_signal_during_a_callback_of_a_library_is_not_lost():
    """Its exception cannot pass through C code. Python would print it and go on."""
    program = """if True:
        import ctypes, time
        from streamgenre.cli import interrupt
        interrupt.install()
        interrupt.patience = 60.0
        callback = ctypes.CFUNCTYPE(None)(lambda: (print("inside", flush=True), time.sleep(60)))
        try:
            callback()
            time.sleep(60)
        except KeyboardInterrupt:
            print("ended")
        """
    process = subprocess.Popen(
        [sys.executable, "-c", program], env=environment(), preexec_fn=default_signals, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout.readline() == "inside\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=50) == ("ended\n", "")
