"""Generated splits for layouts without one: grouped, stratified by genre, deterministic by seed.

Tracks of a group (an artist, or copies of a recording) are on one side. Otherwise a network that
recognises the artist would look better than it is (Flexer and Schnitzer 2010).
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .record import DataError, Track

SIDES = ("train", "valid", "test")
SHARES = np.array([0.70, 0.15, 0.15])
_TRIES = 10  # attempts at folds that leave every genre in the training part

HeldOut = list[NDArray[np.intp]]


def with_split(tracks: Sequence[Track], seed: int) -> tuple[Track, ...]:
    """Assign a split to each track, about 70/15/15 for every genre.

    Every genre is in train, and on every side if it has at least three groups. The grouped splits
    of scikit-learn guarantee neither, which matters for genres of few artists. If groups contain
    several genres, a genre may be missing in valid or test, but never in train.
    """
    genres = sorted({t.genre for t in tracks})
    column = {genre: i for i, genre in enumerate(genres)}
    counts: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(len(genres)))
    for track in tracks:
        counts[track.group][column[track.genre]] += 1
    # A pseudo-random order that depends on the names only, not on the order of the files.
    order = sorted(
        counts,
        key=lambda group: hashlib.sha256(
            f"{seed} {group}".encode(errors="surrogateescape")
        ).digest(),
    )
    placed = _assign_one_each(order, counts, len(genres))
    _assign_rest(order, counts, placed)
    for genre in range(len(genres)):
        having = [group for group in order if counts[group][genre]]
        if not any(placed[group] == 0 for group in having):
            placed[having[0]] = 0
    return tuple(replace(t, split=SIDES[placed[t.group]]) for t in tracks)


def _assign_one_each(
    order: Sequence[str], counts: dict[str, np.ndarray], genres: int
) -> dict[str, int]:
    """Assign a group of every genre to each side, starting with the genres of fewest groups."""
    having = [[group for group in order if counts[group][genre]] for genre in range(genres)]
    placed: dict[str, int] = {}
    for groups in sorted(having, key=len):
        small_first = sorted(groups, key=lambda group: counts[group].sum())
        for side in (0, 2, 1)[: len(groups)]:
            free = [group for group in small_first if group not in placed]
            if free and all(placed.get(group) != side for group in groups):
                placed[free[-1 if side == 0 else 0]] = side
    return placed


def _assign_rest(
    order: Sequence[str], counts: dict[str, np.ndarray], placed: dict[str, int]
) -> None:
    """Assign the remaining groups, largest first, each to the side that most lacks its genres."""
    total = sum(counts.values(), start=np.zeros(1))
    held = np.zeros((len(SIDES), len(total)))
    for group, side in placed.items():
        held[side] += counts[group]
    for group in sorted(order, key=lambda group: -counts[group].sum()):
        if group not in placed:
            # Increase of the squared distance from the target shares, for each side.
            after = (held + counts[group]) / total - SHARES[:, None]
            before = held / total - SHARES[:, None]
            side = int(np.argmin((after**2 - before**2).sum(1)))
            placed[group] = side
            held[side] += counts[group]


def folds_of(labels: Sequence[object], groups: Sequence[str], most: int, seed: int = 0) -> HeldOut:
    """Return the held-out indices of each fold: whole groups, stratified by genre.

    Returns at most `most` folds, fewer if there are too few groups, and none if no division leaves
    every genre in the training part.
    """
    from sklearn import model_selection

    kind: Any = model_selection.StratifiedGroupKFold  # scikit-learn has no type hints
    names = np.array([str(label) for label in labels])
    having = Counter(name for name, _ in {*zip(names, groups, strict=True)})
    for count in range(min(most, min(having.values(), default=0)), 1, -1):
        for attempt in range(_TRIES):
            splitter = kind(count, shuffle=True, random_state=seed * _TRIES + attempt)
            splits = list(splitter.split(names, names, groups))
            if all({*names[rest]} == {*names} for rest, _ in splits):
                return [held for _, held in splits]
    return []


def folds(tracks: Sequence[Track], count: int, seed: int) -> list[tuple[list[Track], list[Track]]]:
    """Return `count` pairs of training tracks, with every genre, and held-out tracks.

    Raises DataError if the groups cannot be divided into that many folds.
    """
    ordered = sorted(tracks, key=lambda t: t.key)
    parts = folds_of([t.genre for t in ordered], [t.group for t in ordered], count, seed)
    if count < 2 or len(parts) < count:
        most = f"{len(parts)} at most" if parts else "not even two"
        raise DataError(
            f"cannot make {count} folds with every genre in the training part ({most}): a genre "
            "has too few artists or tracks"
        )
    held = [{*part.tolist()} for part in parts]
    return [
        (
            [t for i, t in enumerate(ordered) if i not in out],
            [t for i, t in enumerate(ordered) if i in out],
        )
        for out in held
    ]
