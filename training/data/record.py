"""What every data set is read into: one record a clip, whatever its layout on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from streamgenre.errors import StreamgenreError, one_line

SAMPLE_RATE = 16_000
SPLITS = ("train", "valid", "test", "demo")


class DataError(StreamgenreError):
    """The data set cannot be used as it is; the message says what to mend."""

    def __init__(self, message: object) -> None:
        super().__init__(one_line(message))  # names of files and genres may hold anything


@dataclass(frozen=True)
class Track:
    """One clip: where it comes from, what it is, and on which side of the split."""

    key: str  # unique within the data set
    set: str  # collection that it comes from
    genre: str  # empty: no trusted label
    group: str  # artist, or the track itself; never on two sides of a split
    split: str  # train | valid | test | demo; empty: the layout has no split
    path: Path
    tags: tuple[str, ...] = ()  # the source's own words, or the labels of a tagging task
    artist: str = ""  # where known
    title: str = ""  # where known
    second: str = ""  # a second acceptable genre; empty: none


def fingerprint(tracks: Sequence[Track]) -> str:
    """SHA-256 of everything that training could see of the tracks but the sound itself."""
    digest = hashlib.sha256()
    for t in sorted(tracks, key=lambda t: t.key):
        row = (t.key, t.set, t.genre, t.group, t.split, t.path.name, *t.tags)
        if t.second:
            row = (*row, "second genre", t.second)
        digest.update("\0".join(row).encode(errors="surrogateescape") + b"\n")
    return digest.hexdigest()
