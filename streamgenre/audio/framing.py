"""Windows out of the ring with their level, peak and damage, in one pass and in place (Numba)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .jit import kernel
from .ring import Ring


@kernel
def _frame(
    buffer: NDArray[np.float32], end: int, new: int, out: NDArray[np.float32]
) -> tuple[float, float, int]:
    """Copy the len(out) samples before `end`; of the last `new`: power sum, peak, not finite."""
    size = len(buffer)
    window = len(out)
    position = (end - window) % size
    power = 0.0
    peak = 0.0
    damaged = 0
    for i in range(window):
        value = buffer[position]
        position += 1
        if position == size:
            position = 0
        finite = np.isfinite(value)
        if not finite:
            value = np.float32(0.0)
        out[i] = value
        if i >= window - new:
            damaged += not finite
            magnitude = abs(value)
            peak = max(peak, magnitude)
            power += float(value) * float(value)
    return power, peak, damaged


@dataclass(frozen=True, slots=True)
class Frame:
    """What one pass over a window found in its new samples."""

    level: float  # RMS in dBFS (a full-scale square wave is 0), -inf for digital silence
    peak: float  # largest magnitude
    non_finite: int  # samples that became 0


def decibels(amplitude: float) -> float:
    """dBFS of an amplitude. -inf for 0.

    >>> decibels(1.0), decibels(0.0)
    (0.0, -inf)
    """
    return 20 * math.log10(amplitude) if amplitude > 0 else -math.inf


def frame(ring: Ring, hop: int, out: NDArray[np.float32]) -> Frame:
    """Fill `out` (window,) with the samples up to `hop` past the tail, and read those `hop`."""
    power, peak, damaged = _frame(ring.buffer, ring.tail + hop, hop, out)
    ring.advance(hop)
    return Frame(decibels(math.sqrt(power / hop)), peak, damaged)
