"""An input device that may go away and come back: a capture with a watchdog beside it.

Whoever reads never calls PortAudio: a sound server that hangs can hold a call to it up for half
a minute. A thread of its own opens, watches, closes and opens again; the reader only looks at
rings.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from types import TracebackType

from ..errors import DeviceError
from . import portaudio
from .capture import RING_SECONDS, Capture
from .devices import Device, choose, inputs
from .live import Gap, Sound
from .pulse import moved_away

_LOOK = 0.1  # s between two looks of the watchdog
_SILENT = 2.0  # s without a callback: the device is gone
_MOVED = 2.0  # s between asking the sound server whether it has moved us elsewhere
_STARTING = 5.0  # the same, before the first callback: a sleeping sound card wakes up slowly
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0  # s between tries to find it again
_TELL = 5.0  # s between gaps while it is away: time goes on for whoever listens
_SHORTEST = 0.001  # s, of a gap
_SHOWN = 5.0  # s for which a refused switch is told
_CLOSING = 3.0  # s that a hung system may hold up the end


class Microphone:
    """See live.LiveInput. The first opening is awaited: a wrong choice is an error at once.

    Args:
        wanted: index or part of a name of an input, "monitor", or None for the default.
        channels: which of its channels to hear, counted from 1; empty: its first two.
        patience: seconds to look for it when it went away, None for ever.
        block: seconds of each callback, None for what suits the device.
        ring_seconds: how late the reader may be before the oldest is dropped.

    Raises DeviceError.
    """

    ended = False

    def __init__(
        self,
        wanted: int | str | None = None,
        channels: Sequence[int] = (),
        patience: float | None = None,
        block: float | None = None,
        ring_seconds: float = RING_SECONDS,
    ) -> None:
        self._channels, self._patience = tuple(channels), patience
        self._block, self._ring_seconds = block, ring_seconds
        portaudio.refresh()
        capture = self._opened(choose(wanted))
        self._capture: Capture | None = capture  # the watchdog's: None while it is lost
        self._reading = capture  # the reader's: follows
        self.dropped = 0
        self._earlier_overflows = 0
        self._accounted = time.monotonic()  # until then all is told, as sound or as gap
        self._broken = False  # what comes next is not the continuation of what came last
        self._paused = False
        self._problem = self._refused = ""
        self._refused_until = 0.0
        self._failure: DeviceError | None = None
        self._next: Device | int | str | None = None
        self._closing = False
        self._wake = threading.Event()
        self._watchdog = threading.Thread(
            target=self._guarded, args=(capture,), name="streamgenre-watchdog", daemon=True
        )
        self._watchdog.start()

    def _opened(self, device: Device) -> Capture:
        return Capture(device, self._channels, self._block, self._ring_seconds)

    # What the reader uses

    @property
    def name(self) -> str:
        return self._reading.device.name

    @property
    def note(self) -> str:
        refused = self._refused if time.monotonic() < self._refused_until else ""
        return self._problem or refused

    @property
    def sample_rate(self) -> float:
        return self._reading.sample_rate

    @property
    def channels(self) -> int:
        return self._reading.channels

    @property
    def latency(self) -> float:
        return self._reading.latency + self._reading.waiting

    @property
    def lost(self) -> bool:
        return self._capture is None

    @property
    def overflows(self) -> int:
        return self._earlier_overflows + self._reading.overflows

    def read(self) -> list[Sound | Gap]:
        """See live.LiveInput."""
        if self._failure is not None:
            raise self._failure
        heard: list[Sound | Gap] = []
        self._drain(heard)
        current = self._capture
        if self._closing:
            return heard
        if current is None:
            now = time.monotonic()
            if not self._paused and (not self._broken or now - self._accounted >= _TELL):
                self._tell_gap(heard, now)
            self._broken = True
        elif current is not self._reading:
            self._earlier_overflows += self._reading.overflows
            self._reading, self._broken = current, True
            self._drain(heard)
        return heard

    def _drain(self, heard: list[Sound | Gap]) -> None:
        """All that waits in the ring, behind the gap that came before it."""
        capture = self._reading
        while True:
            dropped, samples = capture.read()
            self.dropped += dropped
            if not len(samples):
                return
            if self._paused:
                self._broken = True
                continue
            unread = capture.waiting
            begun = time.monotonic() - unread - len(samples) / capture.sample_rate
            slept = capture.device.sleeps and begun - self._accounted > _SILENT
            if self._broken or slept:
                self._tell_gap(heard, begun)
                self._broken = False
            elif dropped:
                heard.append(Gap(dropped / capture.sample_rate))
            heard.append(Sound(samples, capture.sample_rate))
            self._accounted = time.monotonic() - unread

    def _tell_gap(self, heard: list[Sound | Gap], until: float) -> None:
        """A gap up to then, never none: what comes after it may have another rate."""
        heard.append(Gap(max(until - self._accounted, _SHORTEST)))
        self._accounted = until

    def pause(self, paused: bool) -> None:
        """See live.LiveInput."""
        self._paused = paused

    def switch(self, device: Device | int | str) -> None:
        """See live.LiveInput."""
        self._next = device
        self._wake.set()

    def close(self) -> bool:
        """See live.LiveInput."""
        self._closing = True
        self._wake.set()
        self._watchdog.join(_CLOSING)
        return not self._watchdog.is_alive()

    def __enter__(self) -> Microphone:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    # What the watchdog's thread does

    def _guarded(self, capture: Capture) -> None:
        try:
            self._watch(capture)
        except Exception as error:  # told to the reader, who would wait for ever
            self._failure = DeviceError(f"input {self.name!r}: {type(error).__name__}: {error}")

    def _watch(self, capture: Capture) -> None:
        while capture is not None:
            self._until_lost(capture)
            self._capture = None
            capture.close()
            if self._closing:
                return
            found = self._found_again(capture.device)
            if found is None:
                return
            self._capture = capture = found

    def _until_lost(self, capture: Capture) -> None:
        """Returns when it gives no more samples, or is not to be listened to any more."""
        frames, since = 0, time.monotonic()
        asked, source = since, capture.device.source
        while not self._closing and self._next is None:
            self._wake.wait(_LOOK)
            self._wake.clear()
            now = time.monotonic()
            if capture.frames != frames:
                self._problem = ""
                frames, since = capture.frames, now
                if source and now - asked > _MOVED:
                    asked = now
                    if moved_away(source):
                        return
                continue
            silent = now - since > (_SILENT if frames else _STARTING)
            if not capture.active or (silent and not capture.device.sleeps):
                return

    def _found_again(self, device: Device) -> Capture | None:
        """The device opened again, or the one switched to; None when that is given up."""
        began, pause = time.monotonic(), _FIRST_PAUSE
        while not self._closing:
            wanted, self._next = self._next, None
            try:
                portaudio.refresh()
                try:
                    return self._opened(_chosen(device if wanted is None else wanted))
                except DeviceError as error:
                    if wanted is None:
                        raise
                    self._refused = str(error)
                    self._refused_until = time.monotonic() + _SHOWN
                    continue  # back to the one before
            except DeviceError as error:
                away = time.monotonic() - began
                if self._patience is not None and away > self._patience:
                    self._failure = DeviceError(f"{error}; given up after {away:.0f} s")
                    return None
                self._problem = f"{error}; trying again in {pause:g} s"
            self._wake.wait(pause)
            self._wake.clear()
            pause = min(2 * pause, _LONGEST_PAUSE)
        return None


def _chosen(wanted: Device | int | str) -> Device:
    """The device as it is listed now, its index may be another; raises DeviceError."""
    if not isinstance(wanted, Device):
        return choose(wanted)
    for other in inputs():
        if (other.name, other.host, other.source) == (wanted.name, wanted.host, wanted.source):
            return other
    raise DeviceError(f"input {wanted.name!r} is gone; is it connected?")
