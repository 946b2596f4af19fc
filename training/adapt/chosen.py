"""Which tracks a head is fitted on, and what to say where they are few or left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..data import DataError, Track
from ..evaluation.inputs import plural

NAMED = 5  # tracks at most, in a warning
FEW = 12  # tracks of a genre: fewer leave two or three in a fold to judge by


def usable(
    tracks: Sequence[Track], audio: Mapping[str, NDArray[np.int16]], rate: int
) -> list[Track]:
    """The tracks with a genre and at least a second of audio.

    Raises DataError for under two genres, and where a genre has none.
    """
    usable = [t for t in tracks if t.genre and t.key in audio and len(audio[t.key]) >= rate]
    genres = sorted({t.genre for t in usable})
    if len(genres) < 2:
        raise DataError(
            f"at least two genres with audio are needed, found {', '.join(genres) or 'none'}; "
            "add folders of others"
        )
    if gone := sorted({t.genre for t in tracks if t.genre}.difference(genres)):
        raise DataError(
            f"{', '.join(gone)}: no track with a second of audio; add longer ones, or take the "
            "genre out"
        )
    return usable


def cautions(
    tracks: Sequence[Track], audio: Mapping[str, NDArray[np.int16]], rate: int
) -> list[str]:
    """What is left out, and where there is little to learn from; a line each."""
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
