"""A simulated sound card that runs faster than real time, with the faults of real ones.

It takes the place of PortAudio and of the clock. Everything above is real: capture, ring buffer,
watchdog, microphone and listener. The driver calls the callback in its own thread, as PortAudio
does.

- Blocks have 16 to 8,192 frames. Some arrive late, and then several at once.
- The sample clock of the card is slow by 50 ppm.
- Blocks are lost, with and without a report by the driver.
- The reader stalls for longer than the ring buffer holds.
- The card stops calling back, or disappears and returns, possibly with another sample rate.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import numpy as np
import soxr
from numpy.typing import NDArray

from streamgenre.audio.live import capture, microphone, portaudio, watchdog
from streamgenre.audio.live.devices import Device
from streamgenre.errors import DeviceError

from .programme import RATE, Piece, programme, scaled

RATES = (44_100, 48_000)
_SLOW = 50e-6  # relative error of the card's clock
_AHEAD = 1.0  # s of simulated time that the card may be ahead of the reader
_NOTHING = 0.02  # s of real time without sound after which the reader polls, as for a gap
_PATIENCE = 60.0  # s of real time until something must have happened
_NAME = "simulated card"
FAULTS = ("late", "lost silently", "lost with a report", "reader stalled", "card stalled",
          "card away")  # fmt: skip
_MOST_BLOCK = 8_192


class _PortAudioError(Exception):
    """As sounddevice's."""


@dataclass
class Clock:
    """Simulated time, for the modules that compare sound with elapsed time."""

    now: float = 1_000.0

    def monotonic(self) -> float:
        return self.now


@dataclass
class _Stream:
    """An input stream of the simulated card."""

    card: Card
    samplerate: float
    callback: Callable[..., None]
    latency: float = 0.1
    active: bool = False

    def start(self) -> None:
        self.active = True
        self.card.opened.append(self)

    def close(self, ignore_errors: bool = True) -> None:
        self.active = False


@dataclass
class Card:
    """The card and its driver thread.

    Attributes:
        reference: the latest settled reference clip that was completely delivered, and when.
        faults: number of faults so far, by kind.
    """

    faulty: Callable[[float], bool]
    """Whether faults may happen at so many seconds of simulated time."""
    seed: int = 0
    clock: Clock = field(default_factory=Clock)
    opened: list[_Stream] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FAULTS, 0))
    reference: tuple[Piece, float] | None = None
    began: float = 0.0
    failure: BaseException | None = None

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)
        self._rate = RATES[0]
        self._there = True
        self._read_at = self.clock.now
        self._turn, self._may_read = threading.Event(), threading.Event()
        self._waits = threading.Event()  # the driver is ahead, so that there is something to read
        self._may_read.set()
        self._stopping = False
        self._pieces = programme(self.seed)
        self._resampled: dict[tuple[int, int], NDArray[np.int16]] = {}
        self._thread = threading.Thread(target=self._run, name="simulated driver", daemon=True)

    # The interface of sounddevice, as far as `Capture` uses it.

    PortAudioError = _PortAudioError

    def InputStream(self, **options: Any) -> _Stream:  # noqa: N802
        if options["samplerate"] != self._rate:
            raise _PortAudioError("invalid sample rate", portaudio.INVALID_RATE)
        return _Stream(self, options["samplerate"], options["callback"])

    def device(self, wanted: object = None) -> Device:
        """The card as it is listed now. Raises DeviceError while it is away."""
        if not self._there:
            raise DeviceError(f"input {_NAME!r} is gone; is it connected?")
        return Device(0, _NAME, "simulated", 2, self._rate, True, False, 0)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Context in which live input uses this card and its clock."""
        with ExitStack() as stack:

            def patch(module: Any, **values: Any) -> None:
                for name, value in values.items():
                    stack.enter_context(mock.patch.object(module, name, value))

            patch(portaudio, sounddevice=lambda: self, refresh=lambda: None)
            patch(microphone, time=self.clock, choose=self.device)
            patch(watchdog, time=self.clock, choose=self.device, inputs=lambda: [self.device()])
            # In real time, since these are waits of a thread.
            patch(watchdog, _POLL=0.01, _FIRST_PAUSE=0.01, _LONGEST_PAUSE=0.05)
            yield

    # The reader.

    def start(self) -> None:
        """Start the driver."""
        self.began = self.clock.now
        self._thread.start()

    def before_read(self) -> None:
        """Wait until there is something to read, and while the reader is stalled.

        Raises the error of the driver, if any.
        """
        self._waits.wait(_NOTHING)
        self._may_read.wait(_PATIENCE)
        if self.failure is not None:
            raise self.failure

    def after_read(self) -> None:
        """Let the driver continue."""
        self._read_at = self.clock.now
        self._waits.clear()
        self._turn.set()

    def stop(self) -> None:
        """Stop the driver."""
        self._stopping = True
        self._turn.set()
        self._thread.join(_PATIENCE)

    # The driver.

    def _run(self) -> None:
        try:
            for piece in self._pieces:
                if self._stopping:
                    return
                self._play(piece)
        except BaseException as error:
            self.failure = error
        finally:
            self._may_read.set()

    def _play(self, piece: Piece) -> None:
        calm = bool(piece.reference) or not self.faulty(self.clock.now - self.began)
        samples = self._at_rate(piece.samples)
        rate, at, flag = self._rate, 0, ""
        while at < len(samples) and not self._stopping:
            size = int(np.exp(self._rng.uniform(np.log(16), np.log(_MOST_BLOCK))))
            block = scaled(samples[at : at + size], piece.gain)
            at += len(block)
            self._pass(len(block) / rate * (1 + _SLOW))
            # About two faults of each kind an hour, and many late blocks.
            fault = None if calm else self._fault(len(block) / rate)
            if fault == "late":
                end = at + round(self._rng.uniform(0.1, 1.5) * rate)
                self._late(block, scaled(samples[at:end], piece.gain))
                at = min(len(samples), end)
            elif fault == "lost silently":
                pass
            elif fault == "lost with a report":
                flag = "input overflow"
            else:
                self._deliver(block, flag)
                flag = ""
                if fault == "reader stalled":
                    self._may_read.clear()
                    self._read_at = (
                        self.clock.now + self._rng.uniform(1, 1.5) * capture.RING_SECONDS
                    )
                elif fault is not None:
                    self._away(fault)
                    return
            if not self._may_read.is_set() and self.clock.now >= self._read_at:
                self._may_read.set()
        self._may_read.set()
        if piece.genre:
            self.reference = (piece, self.clock.now)

    def _fault(self, seconds: float) -> str | None:
        """The fault that begins now, if any."""
        per_hour = {"late": 60.0} | dict.fromkeys(FAULTS[1:], 2.0)
        for kind, rate in per_hour.items():
            if self._rng.random() < rate * seconds / 3600:
                self.faults[kind] += 1
                return kind
        return None

    def _late(self, block: NDArray[np.float32], more: NDArray[np.float32]) -> None:
        """Deliver a block only when the sound that follows it is complete, too."""
        self._pass(len(more) / self._rate * (1 + _SLOW))
        self._deliver(block, "")
        for first in range(0, len(more), _MOST_BLOCK):
            self._deliver(more[first : first + _MOST_BLOCK], "")

    def _away(self, fault: str) -> None:
        """No callback until the watchdog has opened the card again, and for some time."""
        before = len(self.opened)
        if fault == "card away":
            self._there = False
            self.opened[-1].active = False
            self._rate = int(self._rng.choice(RATES))
            self._wait(self._rng.uniform(2, 60))
            self._there = True
        deadline = time.monotonic() + _PATIENCE
        while len(self.opened) == before and not self._stopping:
            self._wait(0.1)
            if time.monotonic() > deadline:
                raise TimeoutError("the watchdog did not reopen the card")

    def _wait(self, seconds: float) -> None:
        """Let simulated time pass slowly enough for the watchdog, without sound."""
        end = self.clock.now + seconds
        while self.clock.now < end and not self._stopping:
            self._pass(0.1)
            time.sleep(0.005)

    def _pass(self, seconds: float) -> None:
        """Advance the clock, and wait for the reader if it is behind."""
        self.clock.now += seconds
        while self._may_read.is_set() and not self._stopping:
            self._turn.clear()  # before the comparison, so that no turn is missed
            if self.clock.now - self._read_at <= _AHEAD:
                return
            self._waits.set()
            self._turn.wait(0.05)

    def _deliver(self, block: NDArray[np.float32], flag: str) -> None:
        stream = self.opened[-1]
        if stream.active:
            stream.callback(block, len(block), None, flag)

    def _at_rate(self, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        """The samples at the present rate of the card."""
        if self._rate == RATE:
            return samples
        key = (id(samples), self._rate)
        if key not in self._resampled:
            self._resampled[key] = soxr.resample(samples, RATE, self._rate)
        return self._resampled[key]
