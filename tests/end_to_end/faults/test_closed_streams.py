"""Standard streams that are closed at the start, and pipes whose reader ends."""

from __future__ import annotations

import os
import shlex
import subprocess

import pytest
from support.commands import PROGRAM, environment

import streamgenre

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a POSIX shell")
COMMANDS = {
    "text": "music/0.flac",
    "jsonl": "--format jsonl music/0.flac music/1.flac",
    "file": "-o out.json music/0.flac",
    "error": "none.mp3",
    "scan": "scan music none -o out.csv --jobs 1",
    "report": "report genres.csv",
    "correct": "correct genres.csv glob:0.flac polka --new",
    "list": "correct genres.csv --list",
    "tags": "tags genres.csv",
    "live": "live --play music/0.flac --format jsonl",
    "info": "info",
    "doctor": "doctor",
    "help": "scan --help",
    "version": "--version",
}
CODES = {"error": 3, "scan": 3}


def shell(library, name, redirection, before=""):
    """The exit code of the command in a shell, and what the shell itself printed."""
    call = f"{shlex.join(PROGRAM)} {COMMANDS[name]}"
    script = f"{before} {call} {redirection}; echo $? > code"
    subprocess.run(
        ["sh", "-c", script], cwd=library, capture_output=True, env=environment(), timeout=120,
        check=True,
    )  # fmt: skip
    return int((library / "code").read_text())


@pytest.mark.parametrize(
    "name", [n if n in ("error", "correct") else pytest.param(n, marks=pytest.mark.slow)
             for n in COMMANDS],
)  # fmt: skip
def test_nobody_reads_standard_error(library, name):
    """Messages that cannot be written neither end the work nor change the exit code."""
    for redirection in ("2>&-", "2>/dev/full", "2>pipe"):
        (library / "out.csv").unlink(missing_ok=True)
        before = ""
        if redirection == "2>pipe":  # a pipe whose reader has ended
            before = "mkfifo pipe; (exec <pipe) &"
        assert shell(library, name, redirection, before) == CODES.get(name, 0), redirection
        (library / "pipe").unlink(missing_ok=True)
    if name == "correct":
        rows = streamgenre.read_results(library / "genres.csv")
        assert [row.corrected for row in rows] == ["polka", None, None]


@pytest.mark.parametrize("name", ["text", *(pytest.param(n, marks=pytest.mark.slow)
                                            for n in COMMANDS if n != "text")])  # fmt: skip
def test_the_reader_of_standard_output_ends(library, name):
    call = f"{shlex.join(PROGRAM)} {COMMANDS[name]}"
    for reader in ("head -1", "true"):
        script = f"({call}; echo $? > code) | {reader}"
        done = subprocess.run(
            ["sh", "-c", script], cwd=library, capture_output=True, env=environment(), timeout=120
        )
        assert int((library / "code").read_text()) == CODES.get(name, 0), reader
        assert b"Traceback" not in done.stderr and b"Broken pipe" not in done.stderr


@pytest.mark.parametrize("closed", ["<&-", "<&- 2>&-", "2>&-"])
def test_results_do_not_take_the_place_of_a_closed_stream(library, closed):
    """Otherwise, what a C library prints would be written into the results."""
    command = f"{shlex.join(PROGRAM)} -o out.jsonl music/0.flac music/1.flac"
    script = f"{command} {closed}"
    subprocess.run(["sh", "-c", script], cwd=library, env=environment(), check=True)
    program = (
        "import os; print([os.path.basename(os.readlink(f'/proc/self/fd/{n}')) for n in (0, 1, 2)])"
    )
    assert (library / "out.jsonl").read_text().count('"file"') == 4
    if not os.path.isdir("/proc/self/fd"):  # noqa: PTH112
        return
    inside = (
        "from streamgenre.cli import main; main._open_standard_streams();"
        f"main._separate_messages(); open('x', 'w').fileno() > 2 or exit(9); {program}"
    )
    call = [PROGRAM[0], "-c", inside]
    done = subprocess.run(["sh", "-c", f"{shlex.join(call)} {closed}"], cwd=library,
                          env=environment(), capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0 and done.stdout.rstrip().endswith("'null']")


@pytest.mark.parametrize("redirection", [">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_standard_output_is_an_error_before_any_work(library, redirection):
    assert shell(library, "file", redirection) == 1
    assert not (library / "out.json").exists()


def test_closed_standard_input(library):
    call = [*PROGRAM, "-"]
    done = subprocess.run(["sh", "-c", f"{shlex.join(call)} <&-"], cwd=library,
                          env=environment(), capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 3
    assert done.stderr == (
        "streamgenre: -: standard input is closed; pass a file, or pipe data into it\n"
    )
