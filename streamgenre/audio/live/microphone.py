"""An input device as a live input: sound, and gaps where it was away or nobody read in time.

Times are those of the wall clock: a gap is as long as makes what was told so far last as long as
what has passed, so that small errors of the sound card's clock do not add up over days.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Sequence

from . import portaudio
from .capture import RING_SECONDS, Capture
from .devices import Device, choose
from .input import Gap, Sound
from .watchdog import SILENT, Watchdog

_TELL = 5.0  # s between gaps while it is away: time goes on for whoever listens
_SETTLING = 0.01  # share of a new lateness that becomes usual: within seconds
_CATCHING_UP = 1.0  # s
_SHORTEST = 0.001  # s, of a gap


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
        def opened(device: Device) -> Capture:
            return Capture(device, channels, block, ring_seconds)

        portaudio.refresh()
        self._reading = opened(choose(wanted))
        self._watchdog = Watchdog(self._reading, opened, patience, wanted)
        self.dropped = 0
        self._earlier_overflows = 0
        self._origin: float | None = None  # monotonic time at which the first sound began
        self._told = 0.0  # s of sound and gaps since then
        self._late_since: float | None = None
        self._usual = 0.0  # s that sound is late by, the drift of its clock with it
        self._broken = False  # what comes next is not the continuation of what came last
        self._paused = self._closed = False
        # Who forgets to close it and lets it go does not leave a microphone open behind.
        weakref.finalize(self, self._watchdog.leave)

    @property
    def name(self) -> str:
        return self._reading.device.name

    @property
    def note(self) -> str:
        return self._watchdog.note

    @property
    def warnings(self) -> list[str]:
        return []

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
        return self._watchdog.capture is None

    @property
    def overflows(self) -> int:
        return self._earlier_overflows + self._reading.overflows

    def read(self) -> list[Sound | Gap]:
        """See live.LiveInput."""
        if self._watchdog.failure is not None:
            raise self._watchdog.failure
        heard: list[Sound | Gap] = []
        current = self._watchdog.capture  # looked at first: what it is None for is all in the ring
        self._drain(heard)
        if self._closed:
            return heard
        if current is None:
            if not self._paused and (not self._broken or self._untold() >= _TELL):
                self._tell_gap(heard, time.monotonic())
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
            if dropped and not self._broken:
                missed = dropped / capture.sample_rate
                self._tell(heard, Gap(missed), missed)
            seconds = len(samples) / capture.sample_rate
            begun = time.monotonic() - capture.waiting - seconds
            if self._origin is None:
                self._origin = begun
            if self._broken or self._lost_without_a_word(capture, begun):
                self._tell_gap(heard, begun)
                self._broken, self._usual = False, 0.0
            self._tell(heard, Sound(samples, capture.sample_rate), seconds)

    def _lost_without_a_word(self, capture: Capture, begun: float) -> bool:
        """Whether sound that begins then is too late for what was told before it.

        What the system threw away while the process was stopped, say. First it gives what it
        still has, and fast: it is waited for.
        """
        assert self._origin is not None
        late = begun - self._origin - self._told
        if late - self._usual <= SILENT:
            self._usual += (late - self._usual) * _SETTLING
            self._late_since = None
            return False
        now = time.monotonic()
        if self._late_since is None:
            self._late_since = now
        # A device that sleeps has nothing more to give.
        if not capture.device.sleeps and now - self._late_since < _CATCHING_UP:
            return False
        self._late_since = None
        return True

    def _tell(self, heard: list[Sound | Gap], what: Sound | Gap, seconds: float) -> None:
        heard.append(what)
        self._told += seconds

    def _untold(self) -> float:
        """Seconds that have passed and were not told."""
        return 0.0 if self._origin is None else time.monotonic() - self._origin - self._told

    def _tell_gap(self, heard: list[Sound | Gap], until: float) -> None:
        """A gap up to then, never none: what comes after it may have another rate."""
        if self._origin is None:  # nothing was ever heard: time has not begun
            return
        seconds = max(until - self._origin - self._told, _SHORTEST)
        self._tell(heard, Gap(seconds), seconds)

    def pause(self, paused: bool) -> None:
        """See live.LiveInput."""
        self._paused = paused

    def switch(self, device: Device | int | str) -> None:
        """See live.LiveInput."""
        self._watchdog.switch(device)

    def close(self) -> bool:
        """See live.LiveInput."""
        self._closed = True
        return self._watchdog.close()

    def __enter__(self) -> Microphone:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
