"""Checks of a data set before decoding and training.

Errors are DataErrors of one line with cause and remedy. Warnings name the first few cases.
"""

from __future__ import annotations

import errno
import stat
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from .dataset import DataSet
from .record import SPLITS, DataError, Track

NAMED = 3  # names listed in a message
LONGEST = 200  # characters of a name in a message
OWN_SPLIT = "at least three artists or tracks of each genre are needed"


def short(name: object) -> str:
    """Shorten a long name or path in the middle."""
    text = str(name)
    return text if len(text) <= LONGEST else f"{text[:100]}...{text[-50:]}"


def some(names: Sequence[str]) -> str:
    """List the first few names and the number of further ones."""
    more = len(names) - NAMED
    named = ", ".join(short(name) for name in names[:NAMED])
    return named + (f" and {more} more" if more > 0 else "")


def check_rows(tracks: Sequence[Track]) -> None:
    """Check that keys are unique, names are valid UTF-8, and splits are known and complete."""
    if not all(t.key for t in tracks):
        raise DataError("some tracks have an empty key; give each track its own key")
    # Surrogates from undecodable file names: no table or model file could store them.
    odd = [n for n in dict.fromkeys(n for t in tracks for n in (t.genre, t.key)) if _unwritable(n)]
    if odd:
        raise DataError(f"names that are not valid UTF-8: {some(odd)}; rename them")
    twice = [key for key, count in Counter(t.key for t in tracks).items() if count > 1]
    if twice:
        raise DataError(f"duplicate keys: {some(twice)}; give each track its own key")
    unknown = next((t for t in tracks if t.split and t.split not in SPLITS), None)
    if unknown:
        raise DataError(
            f"{unknown.key}: unknown split {unknown.split!r}; use {', '.join(SPLITS)}, or none"
        )
    without = [t.key for t in tracks if not t.split]
    if without and len(without) < len(tracks):
        raise DataError(
            f"some tracks have no split: {some(without)}; assign a split to all tracks or to none"
        )


def _unwritable(name: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in name)


def _is_file(path: Path) -> bool:
    """Whether the path is a regular file. Raises DataError if that cannot be determined."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return False
        reason = error.strerror or type(error).__name__
    except ValueError as error:
        reason = str(error)
    raise DataError(f"{short(path)}: cannot be read: {reason}; check the path and its permissions")


def present(dataset: DataSet) -> tuple[tuple[Track, ...], tuple[str, ...]]:
    """Return the tracks whose audio file exists, and a warning about the others."""
    available = tuple(t for t in dataset.tracks if _is_file(t.path))
    if not available:
        first = f", for example {dataset.tracks[0].path}" if dataset.tracks else ""
        raise DataError(f"{dataset.root}: no audio file exists{first}; add the audio files")
    keys = {t.key for t in available}
    absent = [str(t.path) for t in dataset.tracks if t.key not in keys]
    if not absent:
        return available, ()
    count = f"{len(absent)} of {len(dataset.tracks)} audio files are missing and left out"
    return available, (f"{count}: {some(absent)}",)


def check_labels(dataset: DataSet) -> None:
    """Check that there are at least two labels and enough tracks of each genre."""
    if len(dataset.labels) < 2:
        names = ", ".join(dataset.labels) or "none"
        raise DataError(
            f"{dataset.root}: at least two {dataset.task if dataset.task == 'tags' else 'genres'} "
            f"are required, but the data has {names}; add tracks of others"
        )
    tracks = Counter(t.genre for t in dataset.tracks)
    trained = Counter(t.genre for t in dataset.tracks if t.split == "train")
    split = any(t.split for t in dataset.tracks)
    for genre in dataset.labels if dataset.task == "genre" else ():
        if split and not trained[genre]:
            raise DataError(
                f"genre {genre!r} has no track in train; move some of its {tracks[genre]} tracks "
                "there, or remove it"
            )
        if not split and tracks[genre] == 1:
            raise DataError(
                f"genre {genre!r} has one track, which is not enough to train and test; add more "
                "tracks or remove it"
            )


def similar_label_warnings(labels: Sequence[str]) -> tuple[str, ...]:
    """Warn about labels that differ in capitals or spaces only, which are probably one genre."""
    by_normalised: dict[str, list[str]] = defaultdict(list)
    for label in labels:
        by_normalised[" ".join(label.casefold().split())].append(repr(label))
    similar = [" and ".join(names) for names in by_normalised.values() if len(names) > 1]
    return (f"genres that differ in capitals or spaces only: {some(similar)}",) if similar else ()


def split_warnings(tracks: Sequence[Track], *, own: bool = False) -> tuple[str, ...]:
    """Warn about groups and artists on two sides of the split, and about genres without tests.

    Demo tracks are ignored. With `own`, a generated split, also warn about genres without
    validation tracks.
    """
    measured = [t for t in tracks if t.split != "demo"]
    groups = _on_two_sides([(t.group, t.split) for t in measured])
    # Artists whose group has another name or other capitals; the groups are listed already.
    artists = _on_two_sides(
        [(t.artist.strip().casefold(), t.split) for t in measured if t.group not in groups]
    )
    warnings = [
        f"{what} on two sides of the split, {len(both)} in all: {some(both)}; "
        "metrics will be too optimistic"
        for what, both in (("groups", sorted(groups)), ("artists", sorted(artists)))
        if both
    ]
    genres = {t.genre for t in tracks} - {""}
    for side in ("valid", "test") if own else ("test",):
        absent = sorted(genres - {t.genre for t in tracks if t.split == side})
        remedy = OWN_SPLIT if own else "add tracks of other artists"
        if own and genres and len(absent) == len(genres):
            warnings.append(f"the split leaves no track in {side}; {remedy}")
        elif absent and len(absent) < len(genres):
            warnings.append(f"genres with no track in {side}: {some(absent)}; {remedy}")
    return tuple(warnings)


def _on_two_sides(pairs: Sequence[tuple[str, str]]) -> set[str]:
    sides: dict[str, set[str]] = defaultdict(set)
    for name, side in pairs:
        sides[name].add(side)
    return {name for name, where in sides.items() if name and len(where) > 1}
