"""A data set as read from disk: tracks, labels, and warnings.

The reader of each layout returns one. `opening.py` checks it and completes its split.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from .record import Track, fingerprint


@dataclass(frozen=True)
class DataSet:
    """Tracks of one source for one task."""

    name: str  # layout and part: fma-small, gtzan-filtered, folders
    root: Path
    tracks: tuple[Track, ...]
    warnings: tuple[str, ...] = ()
    task: Literal["genre", "tags"] = "genre"
    tag_names: tuple[str, ...] = ()  # for a tagging task, in the order of the source
    drawn: bool = False  # the split was generated
    hierarchy: Mapping[str, str] = field(default_factory=dict)  # label -> parent

    @property
    def labels(self) -> list[str]:
        """The genres, sorted, or the tags of a tagging task in the order of the source."""
        if self.task == "tags":
            return list(self.tag_names)
        return sorted({t.genre for t in self.tracks if t.genre})

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all properties of the tracks that training uses, without the audio."""
        return fingerprint(self.tracks)
