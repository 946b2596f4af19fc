"""The tracks that a head is fitted on, and warnings about few or unused tracks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..data import DataError, Track
from ..evaluation.inputs import plural

NAMED = 5  # tracks listed in a warning
FEW = 12  # tracks of a genre; with fewer, a fold has two or three to measure


def usable(
    tracks: Sequence[Track], audio: Mapping[str, NDArray[np.int16]], rate: int
) -> list[Track]:
    """Return the tracks with a genre and at least a second of audio.

    Raises DataError if there are fewer than two genres, or if a genre has no such track.
    """
    usable = [t for t in tracks if t.genre and t.key in audio and len(audio[t.key]) >= rate]
    genres = sorted({t.genre for t in usable})
    if len(genres) < 2:
        raise DataError(
            f"at least two genres with audio are needed, not {', '.join(genres) or 'none'}; add "
            "folders of other genres"
        )
    if gone := sorted({t.genre for t in tracks if t.genre}.difference(genres)):
        raise DataError(
            f"{', '.join(gone)}: no track with a second of audio; add longer ones, or remove "
            "the genre"
        )
    return usable


def cautions(
    tracks: Sequence[Track], audio: Mapping[str, NDArray[np.int16]], rate: int
) -> list[str]:
    """Warn about tracks that are too short, and about genres with few tracks; one line each."""
    lines = []
    short = [t.key for t in tracks if t.genre and t.key in audio and len(audio[t.key]) < rate]
    if short:
        more = f" and {len(short) - NAMED} more" if len(short) > NAMED else ""
        lines.append(
            f"left out {plural(len(short))} under a second: {', '.join(short[:NAMED])}{more}"
        )
    counts = Counter(t.genre for t in usable(tracks, audio, rate))
    if few := {genre: n for genre, n in sorted(counts.items()) if n < FEW}:
        named = ", ".join(f"{genre} ({n})" for genre, n in few.items())
        lines.append(f"little to learn from: {named} tracks; a few dozen of each genre do better")
    return lines
