"""The record of one track, which the readers of all layouts return."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from streamgenre.errors import StreamgenreError, one_line

SAMPLE_RATE = 16_000
SPLITS = ("train", "valid", "test", "demo")


class DataError(StreamgenreError):
    """The data set cannot be used; the message states the cause and the remedy."""

    def __init__(self, message: object) -> None:
        super().__init__(one_line(message))  # names may contain line breaks


@dataclass(frozen=True)
class Track:
    """One clip with its source, labels and split."""

    key: str  # unique within the data set
    set: str  # source collection
    genre: str  # empty if there is no trusted label
    group: str  # artist, or the track itself; a group is on one side of a split
    split: str  # train | valid | test | demo; empty if the layout has no split
    path: Path
    tags: tuple[str, ...] = ()  # tags of the source, or the labels of a tagging task
    artist: str = ""  # empty if unknown
    title: str = ""  # empty if unknown
    second: str = ""  # second acceptable genre, or empty


def fingerprint(tracks: Sequence[Track]) -> str:
    """SHA-256 of all properties of the tracks that training uses, without the audio."""
    digest = hashlib.sha256()
    for t in sorted(tracks, key=lambda t: t.key):
        row = (t.key, t.set, t.genre, t.group, t.split, t.path.name, *t.tags)
        if t.second:
            row = (*row, "second genre", t.second)
        digest.update("\0".join(row).encode(errors="surrogateescape") + b"\n")
    return digest.hexdigest()
