"""Many tracks as one stream without a break: hard cuts, or crossfades of equal power.

Every part has the same RMS level, less where its peaks would be clipped otherwise. A part begins
and ends in the middles of its crossfades.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamgenre.model.card import Hop

from ..data.record import SAMPLE_RATE
from ..inference import Audio
from .mixes import rise
from .scored import Scored, seconds

SHORTEST, LONGEST = 10.0, 30.0  # s
MOST = 600  # tracks, of larger splits: some three hours
LEVEL = -20.0  # dBFS RMS
_PEAK = 32767 / 2**0.5  # two peaks in the middle of an equal-power fade sum to full scale


@dataclass(frozen=True)
class Joined:
    """One long stream, and where each track has its part of it."""

    samples: NDArray[np.int16]
    keys: tuple[str, ...]
    true: NDArray[np.int64]  # (tracks,)
    edges: tuple[tuple[int, int], ...]  # a part's first sample, and the one after its last

    def steps(self, part: int, hop: Hop) -> range:
        """The stream's steps whose new samples lie within a part."""
        start, end = self.edges[part]
        return range(-(-start // hop.samples), end // hop.samples)

    def own_steps(self, part: int, hop: Hop) -> range:
        """Those whose whole window does: they hear nothing of the other tracks."""
        start, end = self.edges[part]
        return range(-(-(start + hop.window) // hop.samples) - 1, end // hop.samples)


def join(scored: Scored, audio: Audio, fade: float, seed: int = 0) -> Joined:
    """Tracks of SHORTEST and more, shuffled, each a random SHORTEST to LONGEST s of itself.

    Order and cuts are the same for any `fade` (s).
    """
    rng = np.random.default_rng(seed)
    long = np.flatnonzero([seconds(audio, key) >= SHORTEST for key in scored.keys])
    order = rng.permutation(long)[:MOST]
    keys = tuple(scored.keys[i] for i in order)
    pieces = [cut(audio[key], rng.uniform(SHORTEST, LONGEST), rng.random()) for key in keys]
    return lay_out(pieces, keys, scored.true[order], fade)


def cut(samples: NDArray[np.int16], length: float, where: float) -> NDArray[np.int16]:
    """`length` seconds or all of it, from `where` (0: its beginning, 1: its end), at LEVEL."""
    wanted = min(len(samples), round(length * SAMPLE_RATE))
    first = round(where * (len(samples) - wanted))
    piece = samples[first : first + wanted].astype(np.float64)
    rms, peak = float(np.sqrt(np.mean(piece**2))), float(np.abs(piece).max())
    if rms > 0:
        piece *= min(32768 * 10 ** (LEVEL / 20) / rms, _PEAK / peak)
    return np.rint(piece).astype(np.int16)


def lay_out(
    pieces: Sequence[NDArray[np.int16]], keys: tuple[str, ...], true: NDArray[np.int64], fade: float
) -> Joined:
    """Pieces end to end, each faded over the end of the one before for `fade` seconds."""
    half = round(fade / 2 * SAMPLE_RATE)
    up = rise(2 * half)
    samples = np.zeros(sum(map(len, pieces)) - 2 * half * max(0, len(pieces) - 1), np.int16)
    position, edges = 0, []
    for i, piece in enumerate(pieces):
        begins, ends = i > 0, i + 1 < len(pieces)
        shaped = piece.astype(np.float32)
        if half and begins:
            shaped[: 2 * half] *= up
        if half and ends:
            shaped[-2 * half :] *= up[::-1]
        last = position + len(piece)
        samples[position:last] += np.trunc(shaped).astype(np.int16)  # sums stay in full scale
        edges.append((position + begins * half, last - ends * half))
        position = last - 2 * half
    return Joined(samples, keys, true, tuple(edges))
