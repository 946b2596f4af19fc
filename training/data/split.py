"""Splits for layouts that have none: by group, stratified by genre, the same for the same seed.

Tracks of a group (an artist, or a recording that occurs twice) never come on two sides: a network
that knows the artist would otherwise look better than it is (Flexer and Schnitzer 2010).
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
_TRIES = 10  # at a division of the groups that leaves every genre

Held = list[NDArray[np.intp]]


def with_split(tracks: Sequence[Track], seed: int) -> tuple[Track, ...]:
    """The tracks with a side each, about 70/15/15 of every genre.

    Each genre is in train, and on every side where it has at least three groups. scikit-learn's
    grouped splits promise neither, which matters for genres of a few artists. (Where groups hold
    several genres, a side may lack one for the sake of another; train never does.)
    """
    genres = sorted({t.genre for t in tracks})
    column = {genre: i for i, genre in enumerate(genres)}
    counts: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(len(genres)))
    for track in tracks:
        counts[track.group][column[track.genre]] += 1
    # Chance, but the same for the same names: the order of the files is not to matter.
    order = sorted(
        counts,
        key=lambda group: hashlib.sha256(
            f"{seed} {group}".encode(errors="surrogateescape")
        ).digest(),
    )
    placed = _one_each(order, counts, len(genres))
    _share_out(order, counts, placed)
    for genre in range(len(genres)):
        having = [group for group in order if counts[group][genre]]
        if not any(placed[group] == 0 for group in having):
            placed[having[0]] = 0
    return tuple(replace(t, split=SIDES[placed[t.group]]) for t in tracks)


def _one_each(order: Sequence[str], counts: dict[str, np.ndarray], genres: int) -> dict[str, int]:
    """A group of every genre on each side, the genres with the fewest groups first."""
    having = [[group for group in order if counts[group][genre]] for genre in range(genres)]
    placed: dict[str, int] = {}
    for groups in sorted(having, key=len):
        small_first = sorted(groups, key=lambda group: counts[group].sum())
        for side in (0, 2, 1)[: len(groups)]:
            free = [group for group in small_first if group not in placed]
            if free and all(placed.get(group) != side for group in groups):
                placed[free[-1 if side == 0 else 0]] = side
    return placed


def _share_out(order: Sequence[str], counts: dict[str, np.ndarray], placed: dict[str, int]) -> None:
    """The other groups, large ones first, each to the side that lacks its genres most."""
    total = sum(counts.values(), start=np.zeros(1))
    held = np.zeros((len(SIDES), len(total)))
    for group, side in placed.items():
        held[side] += counts[group]
    for group in sorted(order, key=lambda group: -counts[group].sum()):
        if group not in placed:
            # What the squared distance from the wanted shares grows by, on each side.
            after = (held + counts[group]) / total - SHARES[:, None]
            before = held / total - SHARES[:, None]
            side = int(np.argmin((after**2 - before**2).sum(1)))
            placed[group] = side
            held[side] += counts[group]


def folds_of(labels: Sequence[object], groups: Sequence[str], most: int, seed: int = 0) -> Held:
    """What each fold leaves out: groups whole, genres spread evenly, every genre in the rest.

    As many folds as there can be, `most` at most; none where no division leaves every genre.
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
    """Cross-validation: `count` pairs of a training part, with every genre, and the part held out.

    Raises DataError where the groups cannot be divided so often.
    """
    ordered = sorted(tracks, key=lambda t: t.key)
    parts = folds_of([t.genre for t in ordered], [t.group for t in ordered], count, seed)
    if count < 2 or len(parts) < count:
        most = f"{len(parts)} at most" if parts else "not even two"
        raise DataError(
            f"cannot make {count} folds that leave every genre to train on ({most}): a genre has "
            "too few artists or tracks"
        )
    held = [{*part.tolist()} for part in parts]
    return [
        (
            [t for i, t in enumerate(ordered) if i not in out],
            [t for i, t in enumerate(ordered) if i in out],
        )
        for out in held
    ]
