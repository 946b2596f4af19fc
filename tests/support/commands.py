"""Run the `streamgenre` command in a real process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from .paths import ROOT
from .processes import default_signals

PROGRAM = [sys.executable, "-m", "streamgenre"]
KILLS = Path(__file__).parent / "kills"


def environment(*folders, **further):
    """The environment of a child: `folders` come first on its module path."""
    # Not sys.path, to which libraries may have added folders.
    paths = [*map(str, folders), str(ROOT), str(ROOT / "tests")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **further}


def start(*arguments, folders=(), env=None, **settings):
    """Start the command; its output is read by `ended`."""
    settings.setdefault("stdout", subprocess.PIPE)
    settings.setdefault("stderr", subprocess.PIPE)
    settings.setdefault("stdin", subprocess.DEVNULL)
    if os.name == "posix":
        settings.setdefault("preexec_fn", default_signals)
    return subprocess.Popen(
        [*PROGRAM, *map(str, arguments)],
        text=True,
        env=environment(*folders, **(env or {})),
        **settings,
    )


def run(*arguments, timeout=300, **settings):
    """Run the command and return (exit code, standard output, standard error)."""
    return ended(start(*arguments, **settings), timeout)


def ended(process, timeout=300):
    """Wait for the command and return (exit code, standard output, standard error)."""
    try:
        out, error = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return process.returncode, out or "", error or ""


def until(condition, process=None, patience=120.0):
    """Wait until the condition holds, while the process runs."""
    ends = time.monotonic() + patience
    while not condition():
        assert process is None or process.poll() is None, process.communicate()
        if time.monotonic() > ends:
            if process is not None:
                process.kill()
            raise AssertionError("waited in vain")
        time.sleep(0.02)


@contextmanager
def small_disk(folder, size):
    """Mount a file system of a few kilobytes, such as "40k", on a folder; skips if not possible."""
    folder.mkdir(exist_ok=True)
    call = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(call, capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def temporaries(folder):
    """Names of the temporary files that are left below a folder. Lock files stay."""
    hidden = Path(folder).rglob(".*")
    return sorted(path.name for path in hidden if path.suffix != ".lock")


def scratch():
    """A folder that any user can write to."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    return folder
