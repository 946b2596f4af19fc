"""Live listening through PortAudio, with a separate sound server.

Three measurements: the time of the audio callback under load; the latency from PortAudio to the
update, by parts; and processor time, memory and drops of the command over minutes, without and with
its display (endurance.py).
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import soundfile
from numpy.typing import NDArray

from streamgenre.audio.live import capture
from streamgenre.audio.live.microphone import Microphone
from streamgenre.live.listener import Listener
from streamgenre.model.model import load

from ..common import EXAMPLES, Options, Skipped, table
from . import endurance
from .room import NoRoomError, Room

TITLE = "live listening: audio callback, latency, minutes of use"

_CLIP = EXAMPLES / "classical-brandenburg-2.ogg"
_BLOCK = 0.01  # s, per callback
_MUSIC, _PAUSE = 6.0, 4.13  # s; due to the pause, trials have different phases of the hop
_LOUD = 1e-3  # amplitude at which the music has started


class _Timed(capture.Capture):
    """A capture that records its callbacks."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.own: list[float] = []  # s in the callback
        self.whole: list[float] = []  # s from the call by PortAudio, including the wait for Python
        self.came: list[tuple[int, float]] = []  # frames so far, and the time
        self.onsets: list[int] = []  # frames at which sound started after silence
        self._quiet = 0
        super().__init__(*arguments, **options)

    def _callback(
        self, block: NDArray[np.float32], frames: int, times: Any, status: object
    ) -> None:
        began = time.perf_counter()
        super()._callback(block, frames, times, status)
        now = time.perf_counter()
        self.own.append(now - began)
        if hasattr(self, "_stream"):  # not set in callbacks before opening returns
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
        """Time at which the callback with that frame returned."""
        return next(at for count, at in self.came if count > frame)


@dataclass(frozen=True)
class Live:
    """The result of this measurement."""

    latency_s: dict[str, tuple[float, ...]]  # by part, one value per trial
    step_ms: float
    block_s: float
    callbacks: int
    callback_ms: dict[str, tuple[float, float, float]]  # p50, p99, p99.9
    dropped: int
    overflows: int
    minutes: dict[str, endurance.Endurance] | None = None  # by output


def measure(options: Options) -> Live:
    """Measure callback and latency, then the command over minutes."""
    minutes = options.minutes if options.minutes is not None else (1.0 if options.quick else 20.0)
    with tempfile.TemporaryDirectory() as folder:
        try:
            room = Room(Path(folder))
            room.start()
        except NoRoomError as why:
            raise Skipped(str(why)) from None
        try:
            with mock.patch.dict(os.environ, room.environment):
                result = _callback_and_latency(room, Path(folder), 3 if options.quick else 10)
            if not minutes:
                return result
            return replace(result, minutes=endurance.endurance(room, Path(folder), minutes))
        finally:
            room.stop()


def _callback_and_latency(room: Room, folder: Path, trials: int) -> Live:
    music, rate = soundfile.read(_CLIP, frames=int(_MUSIC * 44_100), always_2d=True)
    trial = np.concatenate([music, np.zeros((int(_PAUSE * rate), music.shape[1]))])
    silence = np.zeros((3 * rate, music.shape[1]))
    soundfile.write(folder / "trials.wav", np.concatenate([silence, *[trial] * trials]), rate)
    with mock.patch("streamgenre.audio.live.microphone.Capture", _Timed):
        source = Microphone(block=_BLOCK)
    return _listen(Listener(source, load()), source, room, folder, trials)


def _listen(listener: Listener, source: Microphone, room: Room, folder: Path, trials: int) -> Live:
    timed = source._reading
    assert isinstance(timed, _Timed)
    room.play(folder / "trials.wav")
    parts: dict[str, list[float]] = {
        name: [] for name in ("window", "capture and compute", "first update", "genre")
    }
    answered = classified = 0
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
        if classified < answered and update.status == "genre":
            parts["genre"].append(now - timed.when(timed.onsets[classified]))
            classified = answered
        if answered == trials and classified == trials:
            break
    listener.close()
    health = listener.health
    callbacks = (("own", timed.own), ("with its wait for Python", timed.whole))
    return Live(
        latency_s={name: tuple(values) for name, values in parts.items()},
        step_ms=health.compute * 1e3,
        block_s=_BLOCK,
        callbacks=len(timed.own),
        callback_ms={
            name: tuple(np.percentile(values, [50, 99, 99.9]) * 1e3) for name, values in callbacks
        },
        dropped=health.dropped,
        overflows=health.overflows,
    )


def report(result: Live) -> list[str]:
    """Latency, the callback, the command over minutes."""
    parts = result.latency_s
    rows = [
        [_PARTS[name], f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"]
        for name, values in parts.items()
        if values
    ]
    lines = [
        f"Latency of a sound after silence, from its entry into PortAudio, {len(parts['window'])} "
        "times:",
        table(("until", "s, median (minimum to maximum)"), rows),
        f"A step takes {result.step_ms:.1f} ms of the second row. Dropped {result.dropped}, "
        f"overflows {result.overflows}.",
        f"The audio callback, every {result.block_s * 1e3:.0f} ms, {result.callbacks} times:",
        table(
            ("", "p50, ms", "p99, ms", "p99.9, ms"),
            [
                [name, *(f"{value:.3f}" for value in values)]
                for name, values in result.callback_ms.items()
            ],
        ),
    ]
    if result.minutes:
        lines += _report_minutes(result.minutes)
    return lines


def _report_minutes(outputs: dict[str, endurance.Endurance]) -> list[str]:
    rows = []
    for name, one in outputs.items():
        shares, memory = one.minute_shares, one.memory_mb
        rows.append(
            [
                name,
                f"{one.core_share:.1%}",
                f"{min(shares):.1%} to {max(shares):.1%}",
                f"{memory[0]:.1f} to {memory[-1]:.1f}",
                f"{one.bytes_a_second / 1e3:.1f}",
            ]
        )
    messages = [f"- last message of {name}: `{one.message}`" for name, one in outputs.items()]
    minutes = next(iter(outputs.values())).seconds / 60
    head = ("output", "of a core", "its minutes", "memory, MB, first to last", "kB/s written")
    return [
        f"{minutes:.0f} minutes of `streamgenre live`, as jsonl and with the display at 80x24, "
        "side by side:",
        table(head, rows),
        "\n".join(messages),
    ]


_PARTS = {
    "window": "the hop is complete",
    "capture and compute": "then: it is read, resampled and computed",
    "first update": "in total: the first update with the sound",
    "genre": "in total: the first update with a genre",
}
