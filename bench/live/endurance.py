"""Processor time, memory and output of `streamgenre live` over minutes. Linux only."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import soundfile

from ..common import EXAMPLES, ROOT
from ..memory import memory
from .room import Room

_MIX = EXAMPLES / "mix.ogg"
_START_UP = 20.0  # s
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


@dataclass(frozen=True)
class Endurance:
    """One run of the command."""

    seconds: float
    core_share: float
    minute_shares: tuple[float, ...]
    memory_mb: tuple[float, ...]
    bytes_a_second: float
    message: str = field(metadata={"key": "said"})  # on standard error


def endurance(room: Room, folder: Path, minutes: float) -> dict[str, Endurance]:
    """Run the command without and with its display, in parallel."""
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
        time.sleep(_START_UP)  # excluded from the measurement
        for run in runs.values():
            run.begin()
        for _ in range(looks):
            time.sleep(60 * minutes / looks)
            for run in runs.values():
                run.look()
        return {name: run.result() for name, run in runs.items()}
    finally:
        for run in runs.values():
            run.end()


class _Run:
    """A process of `streamgenre live` that is monitored."""

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
            while block := os.read(file, 65_536):
                self._written += len(block)
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

    def result(self) -> Endurance:
        seconds = self._last[0] - self._since
        share = (self._last[1] - self._used) / seconds
        rate = (self._written - self._bytes) / seconds
        self.end()
        self._errors.seek(0)
        return Endurance(
            seconds=seconds,
            core_share=share,
            minute_shares=tuple(self._shares),
            memory_mb=tuple(self._memory),
            bytes_a_second=rate,
            message=self._errors.read().strip(),
        )

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(20)
