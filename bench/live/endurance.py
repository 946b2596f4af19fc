"""Minutes of `streamgenre live`, watched from outside: processor time, memory, output. Linux."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import soundfile

from ..common import EXAMPLES, ROOT
from ..memory import memory
from .room import Room

_MIX = EXAMPLES / "mix.ogg"
_START_UP = 20.0  # s
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def endurance(room: Room, folder: Path, minutes: float) -> dict[str, Any]:
    """The command for that long, once without and once with its display, side by side."""
    samples, rate = soundfile.read(_MIX, always_2d=True)
    times = int(minutes * 60 / (len(samples) / rate)) + 2
    with soundfile.SoundFile(folder / "long.wav", "w", rate, samples.shape[1]) as out:
        for _ in range(times):
            out.write(samples)
    room.play(folder / "long.wav")
    looks = max(1, round(minutes))
    runs: dict[str, _Run] = {}
    try:
        runs["jsonl"] = _Run(room, folder, False)
        runs["display"] = _Run(room, folder, True)
        time.sleep(_START_UP)  # it is not what is measured
        for run in runs.values():
            run.begin()
        for _ in range(looks):
            time.sleep(60 * minutes / looks)
            for run in runs.values():
                run.look()
        return {name: run.found() for name, run in runs.items()}
    finally:
        for run in runs.values():
            run.end()


class _Run:
    """`streamgenre live`, watched from outside. Linux."""

    def __init__(self, room: Room, folder: Path, display: bool) -> None:
        command = [sys.executable, "-m", "streamgenre", "live", "--input", "room"]
        self._errors = (folder / f"errors-{display}").open("w+")
        if display:
            import fcntl
            import pty
            import struct
            import termios

            master, slave = pty.openpty()
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
            self._process = subprocess.Popen(
                command, env={**room.environment, "TERM": "xterm-256color"}, stdin=slave,
                stdout=slave, stderr=self._errors, cwd=ROOT, start_new_session=True,
            )  # fmt: skip
            os.close(slave)
        else:
            master, slave = os.pipe()
            self._process = subprocess.Popen(
                [*command, "--format", "jsonl"], env=room.environment,
                stdin=subprocess.DEVNULL, stdout=slave, stderr=self._errors, cwd=ROOT,
            )  # fmt: skip
            os.close(slave)
        self._written = 0
        threading.Thread(target=self._read, args=(master,), daemon=True).start()

    def _read(self, file: int) -> None:
        try:
            while piece := os.read(file, 65_536):
                self._written += len(piece)
        except OSError:  # a pseudo-terminal whose other end is closed
            return

    def _cpu(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def begin(self) -> None:
        self._since, self._used, self._bytes = time.monotonic(), self._cpu(), self._written
        self._memory = [memory(self._process.pid, "VmRSS")]
        self._shares: list[float] = []
        self._last = self._since, self._used

    def look(self) -> None:
        now, used = time.monotonic(), self._cpu()
        self._shares.append((used - self._last[1]) / (now - self._last[0]))
        self._last = now, used
        self._memory.append(memory(self._process.pid, "VmRSS"))

    def found(self) -> dict[str, Any]:
        seconds = self._last[0] - self._since
        share = (self._last[1] - self._used) / seconds
        rate = (self._written - self._bytes) / seconds
        self.end()
        self._errors.seek(0)
        return {
            "seconds": seconds,
            "core_share": share,
            "minute_shares": self._shares,
            "memory_mb": self._memory,
            "bytes_a_second": rate,
            "said": self._errors.read().strip(),
        }

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(20)
