"""An input device as a live input, with gaps for outages and dropped samples.

The length of a gap is chosen so that all sound and gaps reported so far match the elapsed time,
including the time for which the computer sleeps. Small errors of the sound card's clock therefore
do not accumulate over days.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Sequence

from ...durations import elapsed
from . import portaudio
from .capture import RING_SECONDS, Capture
from .devices import Device, choose
from .input import Gap, Sound
from .watchdog import TIMEOUT, Watchdog

_GAP_INTERVAL = 5.0  # s between reported gaps while the device is away
_SETTLING = 0.01  # smoothing factor of the usual delay, per read
_CATCHING_UP = 1.0  # s to wait for buffered samples before a delay becomes a gap
_SHORTEST = 0.001  # s, the shortest gap


class Microphone:
    """A LiveInput of a device.

    Args:
        wanted: index or part of the name of an input, "monitor", or None for the default.
        channels: channels to read, counted from 1; empty selects the first two.
        patience: seconds to wait for a device that disappeared; None waits indefinitely.
        block: seconds per callback; None selects the default of the device.
        ring_seconds: maximum delay of the reader before the oldest samples are dropped.

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
        def open_device(device: Device) -> Capture:
            return Capture(device, channels, block, ring_seconds)

        portaudio.refresh()
        self._reading = open_device(choose(wanted))
        self._watchdog = Watchdog(self._reading, open_device, patience, wanted)
        self.dropped = 0
        self._earlier_overflows = 0
        self._origin: float | None = None  # time at which the first sound began
        self._reported = 0.0  # s of sound and gaps since then
        self._late_since: float | None = None
        self._usual = 0.0  # s by which sound is late, including clock drift
        self._broken = False  # the next samples do not continue the last ones
        self._paused = self._closed = False
        # Releases the device even if the object is not closed.
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
        """See LiveInput."""
        if self._watchdog.failure is not None:
            raise self._watchdog.failure
        parts: list[Sound | Gap] = []
        current = self._watchdog.capture  # read first: the ring then holds all that it recorded
        self._drain(parts)
        if self._closed:
            return parts
        if current is None:
            if not self._paused and (not self._broken or self._unreported() >= _GAP_INTERVAL):
                self._report_gap(parts, elapsed())
            self._broken = True
        elif current is not self._reading:
            self._earlier_overflows += self._reading.overflows
            self._reading, self._broken = current, True
            self._drain(parts)
        return parts

    def _drain(self, parts: list[Sound | Gap]) -> None:
        """Report all unread samples, after the gap before them."""
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
                self._report(parts, Gap(missed), missed)
            seconds = len(samples) / capture.sample_rate
            begun = elapsed() - capture.waiting - seconds
            if self._origin is None:
                self._origin = begun
            if self._broken or self._lost_silently(capture, begun):
                self._report_gap(parts, begun)
                self._broken, self._usual = False, 0.0
            self._report(parts, Sound(samples, capture.sample_rate), seconds)

    def _lost_silently(self, capture: Capture, begun: float) -> bool:
        """Whether sound that began at this time does not continue the reported sound.

        The system silently drops samples while the process is stopped, for example. It first
        delivers its buffered samples quickly, so a delay counts only if it persists.
        """
        assert self._origin is not None
        late = begun - self._origin - self._reported
        if late - self._usual <= TIMEOUT:
            self._usual += (late - self._usual) * _SETTLING
            self._late_since = None
            return False
        now = time.monotonic()
        if self._late_since is None:
            self._late_since = now
        # A device that sleeps has no buffered samples.
        if not capture.device.sleeps and now - self._late_since < _CATCHING_UP:
            return False
        self._late_since = None
        return True

    def _report(self, parts: list[Sound | Gap], part: Sound | Gap, seconds: float) -> None:
        parts.append(part)
        self._reported += seconds

    def _unreported(self) -> float:
        """Elapsed seconds that were not reported yet."""
        return 0.0 if self._origin is None else elapsed() - self._origin - self._reported

    def _report_gap(self, parts: list[Sound | Gap], until: float) -> None:
        """Report a gap up to this time, even a tiny one: the next samples may have another rate."""
        if self._origin is None:  # no sound yet: time has not begun
            return
        seconds = max(until - self._origin - self._reported, _SHORTEST)
        self._report(parts, Gap(seconds), seconds)

    def pause(self, paused: bool) -> None:
        """See LiveInput."""
        self._paused = paused

    def switch(self, device: Device | int | str) -> None:
        """See LiveInput."""
        self._watchdog.switch(device)

    def close(self) -> bool:
        """See LiveInput."""
        self._closed = True
        return self._watchdog.close()

    def __enter__(self) -> Microphone:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
