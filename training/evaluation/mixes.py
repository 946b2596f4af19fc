"""Mixes with a known truth, made from labelled tracks: what a timeline is measured on.

Parts of 10 to 120 s (log-uniform), each of another genre than the one before; 2 to 4 minutes in
all. Tracks are drawn as they are frequent in the split. A part longer than its clip goes on with
other tracks of the same genre, butt-joined, and with the same ones again where there are no more:
the truth has no boundary there. One mix has one kind of transition throughout.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..data.record import SAMPLE_RATE, DataError, Track
from ..inference import Audio
from .scored import seconds

Transition = Literal["hard cut", "level-matched cut", "crossfade"]
TRANSITIONS: tuple[Transition, ...] = ("hard cut", "level-matched cut", "crossfade")
SHORTEST_PART, LONGEST_PART = 10.0, 120.0  # s
SHORTEST_CLIP = 1.0  # s; from shorter ones no part would be music
_USUAL_TOTAL = 180.0  # s
_TOTAL, _FULL = (120.0, 210.0), 240.0  # s; the last part ends at the latest at _FULL
_FADE = (4.0, 16.0)  # s
_MOST_GAIN = 12.0  # dB; a level is not matched by blowing up near-silence


@dataclass(frozen=True)
class Part:
    """A stretch of one genre; a crossfade's middle is where one part ends and the next begins."""

    start: float  # s
    end: float
    genre: str
    fade: float  # s, length of the crossfade into this part; 0: a cut


@dataclass(frozen=True)
class Mix:
    """Audio and truth; the parts tile [0, len(samples) / SAMPLE_RATE]."""

    samples: NDArray[np.float32]
    parts: tuple[Part, ...]
    transition: Transition


def usual_count(tracks: Sequence[Track], audio: Audio) -> int:
    """How many mixes are worth their time: few where they could only play the same music again."""
    lengths = [seconds(audio, t.key) for t in tracks if seconds(audio, t.key) >= SHORTEST_CLIP]
    once = sum(lengths) / _USUAL_TOTAL  # mixes to play everything once
    return min(100, 4 * len(lengths), max(3, round(10 * once)))


def mixable(tracks: Sequence[Track], audio: Audio) -> list[Track]:
    """Clips as long as a part where they are of two genres, else those of a second and more.

    None where these, too, are of one genre.
    """
    for shortest in (SHORTEST_PART, SHORTEST_CLIP):
        long = [t for t in tracks if seconds(audio, t.key) >= shortest]
        if len({t.genre for t in long}) > 1:
            return long
    return []


def make_mixes(tracks: Sequence[Track], audio: Audio, count: int, seed: int = 0) -> Iterator[Mix]:
    """`count` mixes; the n-th is the same whatever the count. Raises DataError for one genre."""
    long = mixable(tracks, audio)
    if not long:
        raise DataError("mixes need tracks of two genres at least, of a second or more")
    for i in range(count):
        yield _mix(long, audio, TRANSITIONS[i % 3], np.random.default_rng([seed, i]))


def _mix(
    tracks: Sequence[Track], audio: Audio, transition: Transition, rng: np.random.Generator
) -> Mix:
    parts = _plan(tracks, transition, rng)
    edges = [round(part.start * SAMPLE_RATE) for part in parts] + [
        round(parts[-1].end * SAMPLE_RATE)
    ]
    fades = [round(part.fade / 2 * SAMPLE_RATE) for part in parts] + [0]  # half of each
    samples = np.zeros(edges[-1], np.float32)
    level = 0.0
    for i, part in enumerate(parts):
        first, last = edges[i] - fades[i], edges[i + 1] + fades[i + 1]
        piece = _piece(tracks, audio, part.genre, last - first, rng)
        own = float(np.sqrt(np.mean(np.square(piece, dtype=np.float64))))
        if transition == "level-matched cut" and level and own:
            gain = np.clip(level / own, 10 ** (-_MOST_GAIN / 20), 10 ** (_MOST_GAIN / 20))
            piece, own = piece * np.float32(gain), own * float(gain)
        level = own
        if fades[i]:
            piece[: 2 * fades[i]] *= rise(2 * fades[i])
        if fades[i + 1]:
            piece[-2 * fades[i + 1] :] *= rise(2 * fades[i + 1])[::-1]
        samples[first:last] += piece
    return Mix(np.clip(samples, -1, 1), tuple(parts), transition)


def _plan(tracks: Sequence[Track], transition: Transition, rng: np.random.Generator) -> list[Part]:
    """Lengths on whole samples, genres, and fades that leave every part a moment of its own."""
    total, position = rng.uniform(*_TOTAL), 0.0
    lengths: list[float] = []
    genres: list[str] = []
    while position < total:
        length = float(np.exp(rng.uniform(np.log(SHORTEST_PART), np.log(LONGEST_PART))))
        lengths.append(round(min(length, _FULL - position) * SAMPLE_RATE) / SAMPLE_RATE)
        position += lengths[-1]
        genres.append(str(rng.choice([t.genre for t in tracks if t.genre not in genres[-1:]])))
    parts: list[Part] = []
    for i, (length, genre) in enumerate(zip(lengths, genres, strict=True)):
        start = parts[-1].end if parts else 0.0
        fade = 0.0
        if transition == "crossfade" and i:
            fade = float(rng.uniform(_FADE[0], min(_FADE[1], length, lengths[i - 1])))
        parts.append(Part(start, start + length, genre, fade))
    return parts


def _piece(
    tracks: Sequence[Track], audio: Audio, genre: str, samples: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """So many samples of a genre, track after track in random order, all before any again."""
    keys = [t.key for t in tracks if t.genre == genre]
    taken: list[NDArray[np.int16]] = []
    missing = samples
    while missing > 0:
        for key in rng.permutation(keys):
            taken.append(audio[key][: max(0, missing)])
            missing -= len(taken[-1])
    return np.concatenate(taken).astype(np.float32) / np.float32(32768)


def rise(samples: int) -> NDArray[np.float32]:
    """Equal power: the squares of a rise and of the fall beside it sum to one."""
    return np.sin(np.linspace(0, np.pi / 2, samples, dtype=np.float32))
