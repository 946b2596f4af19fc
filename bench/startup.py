"""How long a user waits before anything happens."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import soundfile

from streamgenre.timing import seconds_of, test_signal

_COMMAND = [sys.executable, "-m", "streamgenre"]


def startup(repeats: int) -> dict[str, float]:
    """Best wall-clock seconds of `--help`, of the package's import, and of a short file."""
    with tempfile.TemporaryDirectory() as folder:
        short = Path(folder) / "short.wav"
        soundfile.write(short, test_signal(3.0, 44_100), 44_100)
        runs = {
            "python alone": [sys.executable, "-c", "pass"],
            "import streamgenre": [sys.executable, "-c", "import streamgenre"],
            "streamgenre --help": [*_COMMAND, "--help"],
            "a file of 3 s": [*_COMMAND, str(short)],
        }
        found = {}
        for name, command in runs.items():
            _run(command)  # warm: files in memory, kernels compiled
            found[name] = min(seconds_of(lambda c=command: _run(c)) for _ in range(repeats))  # type: ignore[misc]
            print(f"{name:20} {found[name]:6.3f} s  (best of {repeats}, warm)")
    return found


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
