"""What a data set is refused or warned for, before hours are spent on decoding and training.

Refusals are DataErrors of one line with cause and remedy; warnings name the first few and a count.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from .dataset import DataSet
from .record import SPLITS, DataError, Track

NAMED = 3  # of many of a kind


def some(names: Sequence[str]) -> str:
    """The first few names, and how many there are beside."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def check_rows(tracks: Sequence[Track]) -> None:
    """Keys are unique, splits known, and given to all tracks or to none."""
    twice = [key for key, count in Counter(t.key for t in tracks).items() if count > 1]
    if twice:
        raise DataError(f"keys that occur twice: {some(twice)}; give each track its own")
    unknown = next((t for t in tracks if t.split and t.split not in SPLITS), None)
    if unknown:
        raise DataError(
            f"{unknown.key}: unknown split {unknown.split!r}; use {', '.join(SPLITS)}, or none"
        )
    without = [t.key for t in tracks if not t.split]
    if without and len(without) < len(tracks):
        raise DataError(
            f"some tracks have no split: {some(without)}; give it to all tracks, or to none"
        )


def present(dataset: DataSet) -> tuple[tuple[Track, ...], tuple[str, ...]]:
    """The tracks whose audio is there, and a warning of the others."""
    there = tuple(t for t in dataset.tracks if t.path.is_file())
    if not there:
        first = f", for one {dataset.tracks[0].path}" if dataset.tracks else ""
        raise DataError(f"{dataset.root}: none of its audio is there{first}; put it there")
    absent = [str(t.path) for t in dataset.tracks if not t.path.is_file()]
    if not absent:
        return there, ()
    count = f"{len(absent)} of {len(dataset.tracks)} audio files are missing and left out"
    return there, (f"{count}: {some(absent)}",)


def check_labels(dataset: DataSet) -> None:
    """There are at least two labels, and something to learn each genre from."""
    if len(dataset.labels) < 2:
        found = ", ".join(dataset.labels) or "none"
        raise DataError(
            f"{dataset.root}: at least two {dataset.task if dataset.task == 'tags' else 'genres'} "
            f"are needed, found {found}; add tracks of others"
        )
    tracks = Counter(t.genre for t in dataset.tracks)
    trained = Counter(t.genre for t in dataset.tracks if t.split == "train")
    split = any(t.split for t in dataset.tracks)
    for genre in dataset.labels if dataset.task == "genre" else ():
        if split and not trained[genre]:
            raise DataError(
                f"genre {genre!r} has no track in train: move some of its {tracks[genre]} there, "
                "or remove it"
            )
        if not split and tracks[genre] == 1:
            raise DataError(
                f"genre {genre!r} has one track: it cannot be trained and tested; add more or "
                "remove it"
            )


def split_warnings(tracks: Sequence[Track]) -> tuple[str, ...]:
    """Groups on two sides, and genres that are not measured; demo tracks do neither."""
    sides: dict[str, set[str]] = defaultdict(set)
    for t in tracks:
        if t.split != "demo":
            sides[t.group].add(t.split)
    found = []
    both = sorted(group for group, where in sides.items() if len(where) > 1)
    if both:
        found.append(
            f"groups on two sides of the split, {len(both)} in all: {some(both)}; "
            "figures measured with it will be too good"
        )
    tested = {t.genre for t in tracks if t.split == "test"}
    untested = sorted({t.genre for t in tracks if t.genre} - tested)
    if untested and tested - {""}:
        found.append(f"genres with no track in test: {some(untested)}; add tracks of other artists")
    return tuple(found)
