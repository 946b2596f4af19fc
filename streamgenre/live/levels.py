"""The level of a live input: RMS, peak hold and clipping (Numba)."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..audio.framing import decibels
from ..audio.jit import kernel

_FULL_SCALE = 0.999
_CLIPPED_RUN = 3  # samples in a row: loud masters reach full scale in single samples
_SMOOTHING = 0.1  # s, time constant of the RMS
_PEAK_HOLD, _CLIP_HOLD = 1.5, 3.0  # s


@kernel
def _measure(samples: NDArray[np.float32], runs: NDArray[np.int64]) -> tuple[float, float, bool]:
    """Power sum and peak over all channels, and whether a channel clipped.

    `runs`: the number of consecutive samples at full scale so far, for each channel.
    """
    frames, channels = samples.shape
    power = 0.0
    peak = 0.0
    clipped = False
    for i in range(frames):
        for c in range(channels):
            magnitude = abs(float(samples[i, c]))
            if not magnitude < 1e6:  # not finite, or damaged
                continue
            power += magnitude * magnitude
            peak = max(peak, magnitude)
            runs[c] = runs[c] + 1 if magnitude >= _FULL_SCALE else 0
            clipped |= runs[c] >= _CLIPPED_RUN
    return power, peak, clipped


@dataclass(frozen=True, slots=True)
class Level:
    """The level of an input over all of its channels."""

    now: float
    """RMS of about the last tenth of a second, in dBFS; DIGITAL_SILENCE for zeros."""
    peak: float
    """Largest magnitude of the last second or two, in dBFS."""
    clipped: bool
    """Whether samples were at full scale within the last seconds."""


class Levels:
    """Measures the level of a live input."""

    def __init__(self) -> None:
        self._power = self._peak = 0.0
        self._peak_until = self._clip_until = 0.0
        self._runs = np.zeros(0, np.int64)

    def add(self, samples: NDArray[np.float32], sample_rate: float) -> None:
        """Add float32 samples (n, channels)."""
        frames, channels = samples.shape
        if not frames:
            return
        if len(self._runs) != channels:
            self._runs = np.zeros(channels, np.int64)
        now = time.monotonic()
        power, peak, clipped = _measure(np.ascontiguousarray(samples), self._runs)
        share = 1 - math.exp(-frames / sample_rate / _SMOOTHING)
        self._power += (power / (frames * channels) - self._power) * share
        if peak >= self._peak or now >= self._peak_until:
            self._peak, self._peak_until = peak, now + _PEAK_HOLD
        if clipped:
            self._clip_until = now + _CLIP_HOLD

    def silence(self) -> None:
        """Set the level to silence: the input is paused or lost."""
        self._power = self._peak = 0.0

    def read(self) -> Level:
        """The current level."""
        return Level(
            decibels(math.sqrt(self._power)),
            decibels(self._peak),
            time.monotonic() < self._clip_until,
        )
