"""Hops and windows out of the ring: their level and damage, and copies of them, in place."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .ring import Ring


@dataclass(frozen=True, slots=True)
class Taken:
    """What is found in the new samples of a step."""

    level: float  # RMS in dBFS (a full-scale square wave is 0), -inf for digital silence
    non_finite: int  # samples that became 0


def decibels(amplitude: float) -> float:
    """dBFS of an amplitude. -inf for 0.

    >>> decibels(1.0), decibels(0.0)
    (0.0, -inf)
    """
    return 20 * math.log10(amplitude) if amplitude > 0 else -math.inf


def _power(part: NDArray[np.float32]) -> float:
    """Sum of squares. Not a product of vectors: BLAS would wake all cores for it."""
    return float(np.einsum("i,i->", part, part))


def take(ring: Ring, hop: int) -> Taken:
    """Count the next `hop` samples as read; those not finite become 0 where they lie."""
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
    """`take`, and fill `out` (window,) with the samples up to there, the new ones last."""
    found = take(ring, hop)
    at = 0
    for part in ring.held(len(out), len(out)):
        out[at : at + len(part)] = part
        at += len(part)
    return found
