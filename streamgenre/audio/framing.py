"""Read hops and windows from a ring buffer, and measure their level and non-finite samples."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..update import DIGITAL_SILENCE
from .ring import Ring


@dataclass(frozen=True, slots=True)
class Taken:
    """Level and non-finite samples of one hop."""

    level: float  # RMS in dBFS (a full-scale square wave is 0)
    non_finite: int  # number of non-finite samples, which were set to 0


def decibels(amplitude: float) -> float:
    """dBFS of an amplitude, DIGITAL_SILENCE for 0 and for what is quieter than that.

    >>> decibels(1.0), decibels(0.0)
    (0.0, -200.0)
    """
    return max(DIGITAL_SILENCE, 20 * math.log10(amplitude)) if amplitude > 0 else DIGITAL_SILENCE


def _power(part: NDArray[np.float32]) -> float:
    """Sum of squares. A dot product would use BLAS, which wakes all cores."""
    return float(np.einsum("i,i->", part, part))


def take(ring: Ring, hop: int) -> Taken:
    """Consume the next `hop` samples. Non-finite samples are set to 0 in place."""
    parts = ring.held(0, hop)
    power, damaged = sum(map(_power, parts)), 0
    if not math.isfinite(power):
        for part in parts:
            bad = ~np.isfinite(part)
            damaged += int(bad.sum())
            part[bad] = 0.0
        power = sum(map(_power, parts))
    ring.advance(hop)
    return Taken(decibels(math.sqrt(power / hop)), damaged)


def frame(ring: Ring, hop: int, out: NDArray[np.float32]) -> Taken:
    """`take`, and copy the last `len(out)` samples into `out` (window,), the new ones last."""
    taken = take(ring, hop)
    at = 0
    for part in ring.held(len(out), len(out)):
        out[at : at + len(part)] = part
        at += len(part)
    return taken
