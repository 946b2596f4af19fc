"""Listening live through PortAudio, to a sound server of the bench's own.

Three things: what the audio callback costs, while the rest works; how long a sound takes from
PortAudio to its update, with the parts of that; and minutes of the command itself, headless and
with its display, as processor time, memory and drops.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import soundfile
from numpy.typing import NDArray

from streamgenre.audio import capture
from streamgenre.audio.microphone import Microphone
from streamgenre.live.listener import Listener
from streamgenre.model.model import load

from .memory import memory
from .room import NoRoomError, Room

_EXAMPLES = Path(__file__).parent.parent / "examples"
_CLIP = _EXAMPLES / "classical-brandenburg-2.ogg"
_MIX = _EXAMPLES / "mix.ogg"
_BLOCK = 0.01  # s, of the callback that is timed
_MUSIC, _PAUSE = 6.0, 4.13  # s; the pause lets each trial meet another phase of the hop
_LOUD = 1e-3  # amplitude from which the music has begun
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class _Timed(capture.Capture):
    """A capture that notes its callbacks, for the bench alone."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.own: list[float] = []  # s in the callback
        self.whole: list[float] = []  # s from PortAudio's own call on: waiting for Python, too
        self.came: list[tuple[int, float]] = []  # frames so far, and when
        self.onsets: list[int] = []  # frames at which sound began after silence
        self._quiet = 0
        super().__init__(*arguments, **options)

    def _heard(self, block: NDArray[np.float32], frames: int, times: Any, status: object) -> None:
        began = time.perf_counter()
        super()._heard(block, frames, times, status)
        now = time.perf_counter()
        self.own.append(now - began)
        if hasattr(self, "_stream"):  # not yet in callbacks before the opening returns
            self.whole.append(self._stream.time - times.currentTime)
        before = self.came[-1][0] if self.came else 0
        self.came.append((before + frames, now))
        loud = np.flatnonzero(np.abs(block[:, 0]) > _LOUD)
        if not len(loud):
            self._quiet += frames
            return
        if self._quiet > 44_100:
            self.onsets.append(before + int(loud[0]))
        self._quiet = 0

    def when(self, frame: int) -> float:
        """When the callback that brought that frame was done."""
        return next(at for count, at in self.came if count > frame)


def live(minutes: float, trials: int) -> dict[str, Any]:
    """Everything; empty, and said so, where no sound server can run."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            room = Room(Path(folder))
            room.start()
        except NoRoomError as why:
            print(f"live: {why}")
            return {}
        try:
            with _environment(room.environment):
                found = _callback_and_latency(room, Path(folder), trials)
            if minutes:
                found["minutes"] = _endurance(room, Path(folder), minutes)
            return found
        finally:
            room.stop()


@contextmanager
def _environment(wanted: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(wanted)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _callback_and_latency(room: Room, folder: Path, trials: int) -> dict[str, Any]:
    music, rate = soundfile.read(_CLIP, frames=int(_MUSIC * 44_100), always_2d=True)
    trial = np.concatenate([music, np.zeros((int(_PAUSE * rate), music.shape[1]))])
    silence = np.zeros((3 * rate, music.shape[1]))
    soundfile.write(folder / "trials.wav", np.concatenate([silence, *[trial] * trials]), rate)
    with mock.patch("streamgenre.audio.microphone.Capture", _Timed):
        source = Microphone(block=_BLOCK)
    return _listen(Listener(source, load()), source, room, folder, trials)


def _listen(
    listener: Listener, source: Microphone, room: Room, folder: Path, trials: int
) -> dict[str, Any]:
    timed = source._reading
    assert isinstance(timed, _Timed)
    room.play(folder / "trials.wav")
    parts: dict[str, list[float]] = {
        name: [] for name in ("window", "capture and compute", "first update", "genre")
    }
    answered = told = 0
    for update in listener:
        now = time.perf_counter()
        if answered < len(timed.onsets):
            onset = timed.onsets[answered]
            frame = round(update.time * timed.sample_rate)
            if frame > onset:
                entered, complete = timed.when(onset), timed.when(frame - 1)
                parts["window"].append(complete - entered)
                parts["capture and compute"].append(now - complete)
                parts["first update"].append(now - entered)
                answered += 1
        if told < answered and update.status == "genre":
            parts["genre"].append(now - timed.when(timed.onsets[told]))
            told = answered
        if answered == trials and told == trials:
            break
    listener.close()
    print(f"from a sound entering PortAudio, after silence ({trials} times):   median   range")
    names = {
        "window": "waits until the hop is full",
        "capture and compute": "is read, resampled, computed",
        "first update": "the first update that heard it leaves",
        "genre": "the first update with its genre leaves",
    }
    for name, values in parts.items():
        spread = f"{min(values):5.3f} to {max(values):5.3f}" if values else ""
        print(f"  {names[name]:40} {statistics.median(values or [0]):5.3f} s  {spread}")
    health = listener.health
    print(f"  of which computing: {health.compute * 1e3:.1f} ms a step")
    found: dict[str, Any] = {"latency_s": parts, "step_ms": health.compute * 1e3}
    for name, values in (("own", timed.own), ("with its wait for Python", timed.whole)):
        p50, p99, worst = np.percentile(values, [50, 99, 99.9]) * 1e3
        found[f"callback_ms {name}"] = [p50, p99, worst]
        print(
            f"callback every {_BLOCK * 1e3:.0f} ms, {name}: p50 {p50:.3f}, p99 {p99:.3f}, "
            f"p99.9 {worst:.3f} ms of {len(values)}"
        )
    found["dropped"], found["overflows"] = health.dropped, health.overflows
    return found


def _endurance(room: Room, folder: Path, minutes: float) -> dict[str, Any]:
    """The command for that long, once without and once with its display, side by side."""
    samples, rate = soundfile.read(_MIX, always_2d=True)
    times = int(minutes * 60 / (len(samples) / rate)) + 2
    with soundfile.SoundFile(folder / "long.wav", "w", rate, samples.shape[1]) as out:
        for _ in range(times):
            out.write(samples)
    room.play(folder / "long.wav")
    runs = {"jsonl": _Run(room, folder, False), "display": _Run(room, folder, True)}
    time.sleep(20)  # start-up is not what is measured
    for run in runs.values():
        run.begin()
    for _ in range(max(1, round(minutes))):
        time.sleep(60 * minutes / max(1, round(minutes)))
        for run in runs.values():
            run.look()
    return {name: run.end(name) for name, run in runs.items()}


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
                stdout=slave, stderr=self._errors, start_new_session=True,
            )  # fmt: skip
            os.close(slave)
        else:
            master, slave = os.pipe()
            self._process = subprocess.Popen(
                [*command, "--format", "jsonl"], env=room.environment,
                stdin=subprocess.DEVNULL, stdout=slave, stderr=self._errors,
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

    def end(self, name: str) -> dict[str, Any]:
        seconds = self._last[0] - self._since
        share = (self._last[1] - self._used) / seconds
        rate = (self._written - self._bytes) / seconds
        self._process.terminate()
        self._process.wait(20)
        self._errors.seek(0)
        said = self._errors.read().strip()
        print(
            f"{seconds / 60:.0f} minutes, {name}: {share:.1%} of a core (minutes "
            f"{min(self._shares):.1%} to {max(self._shares):.1%}), memory {self._memory[0]:.1f} MB "
            f"at first, {self._memory[-1]:.1f} MB at the end, {rate / 1e3:.1f} kB/s written"
        )
        print(f"  {said}")
        return {
            "seconds": seconds,
            "core_share": share,
            "minute_shares": self._shares,
            "memory_mb": self._memory,
            "bytes_a_second": rate,
            "said": said,
        }
