"""What a data set is refused or warned for, before hours are spent on decoding and training.

Refusals are DataErrors of one line with cause and remedy; warnings name the first few and a count.
"""

from __future__ import annotations

import errno
import stat
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from .dataset import DataSet
from .record import SPLITS, DataError, Track

NAMED = 3  # of many of a kind
LONGEST = 200  # characters of a name
OWN_SPLIT = "at least three artists or tracks of each genre are needed"


def short(name: object) -> str:
    """A name or path, in its middle cut where it is too long to read."""
    text = str(name)
    return text if len(text) <= LONGEST else f"{text[:100]}...{text[-50:]}"


def some(names: Sequence[str]) -> str:
    """The first few names, and how many there are beside."""
    more = len(names) - NAMED
    named = ", ".join(short(name) for name in names[:NAMED])
    return named + (f" and {more} more" if more > 0 else "")


def check_rows(tracks: Sequence[Track]) -> None:
    """Keys are unique, names can be written, splits are known, and all tracks have one or none."""
    if not all(t.key for t in tracks):
        raise DataError("some tracks have an empty key; give each its own")
    # What is no UTF-8 in a file's name; no table or model file could hold it.
    odd = [n for n in dict.fromkeys(n for t in tracks for n in (t.genre, t.key)) if _unwritable(n)]
    if odd:
        raise DataError(f"names that are not valid UTF-8: {some(odd)}; rename them")
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


def _unwritable(name: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in name)


def _is_there(path: Path) -> bool:
    """Whether it is a file; what cannot be known is an error, not an absent file."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return False
        reason = error.strerror or type(error).__name__
    except ValueError as error:
        reason = str(error)
    raise DataError(f"{short(path)}: cannot be read: {reason}; mend the path or its folder's mode")


def present(dataset: DataSet) -> tuple[tuple[Track, ...], tuple[str, ...]]:
    """The tracks whose audio is there, and a warning of the others."""
    there = tuple(t for t in dataset.tracks if _is_there(t.path))
    if not there:
        first = f", for one {dataset.tracks[0].path}" if dataset.tracks else ""
        raise DataError(f"{dataset.root}: none of its audio is there{first}; put it there")
    found = {t.key for t in there}
    absent = [str(t.path) for t in dataset.tracks if t.key not in found]
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


def alike_warnings(labels: Sequence[str]) -> tuple[str, ...]:
    """Genres that only capital letters or spaces tell apart: one was hardly meant as two."""
    alike: dict[str, list[str]] = defaultdict(list)
    for label in labels:
        alike[" ".join(label.casefold().split())].append(repr(label))
    found = [" and ".join(names) for names in alike.values() if len(names) > 1]
    return (f"genres that differ in capitals or spaces only: {some(found)}",) if found else ()


def split_warnings(tracks: Sequence[Track], *, own: bool = False) -> tuple[str, ...]:
    """Groups and artists on two sides, and genres that are not measured; demo tracks do neither.

    With a split of our `own`, also genres that are not in valid.
    """
    measured = [t for t in tracks if t.split != "demo"]
    groups = _on_two_sides([(t.group, t.split) for t in measured])
    # By another name for the group, or in other capitals; what is in `groups` has been said.
    artists = _on_two_sides(
        [(t.artist.strip().casefold(), t.split) for t in measured if t.group not in groups]
    )
    found = [
        f"{what} on two sides of the split, {len(both)} in all: {some(both)}; "
        "figures measured with it will be too good"
        for what, both in (("groups", sorted(groups)), ("artists", sorted(artists)))
        if both
    ]
    genres = {t.genre for t in tracks} - {""}
    for side in ("valid", "test") if own else ("test",):
        absent = sorted(genres - {t.genre for t in tracks if t.split == side})
        remedy = OWN_SPLIT if own else "add tracks of other artists"
        if own and genres and len(absent) == len(genres):
            found.append(f"the split leaves no track in {side}; {remedy}")
        elif absent and len(absent) < len(genres):
            found.append(f"genres with no track in {side}: {some(absent)}; {remedy}")
    return tuple(found)


def _on_two_sides(pairs: Sequence[tuple[str, str]]) -> set[str]:
    sides: dict[str, set[str]] = defaultdict(set)
    for name, side in pairs:
        sides[name].add(side)
    return {name for name, where in sides.items() if name and len(where) > 1}
