"""A data set as read from disk: its tracks, what they are labelled with, and what was odd.

Every layout's reader returns one; `opening.py` checks it and completes its split.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from .record import Track, fingerprint


@dataclass(frozen=True)
class DataSet:
    """Tracks of one source, with one task."""

    name: str  # the layout, and the part of it: fma-small, gtzan-filtered, folders
    root: Path
    tracks: tuple[Track, ...]
    warnings: tuple[str, ...] = ()
    task: Literal["genre", "tags"] = "genre"
    tag_names: tuple[str, ...] = ()  # of a tagging task, in the order of the source
    drawn: bool = False  # the split is ours: the source has none
    hierarchy: Mapping[str, str] = field(default_factory=dict)  # label to its parent

    @property
    def labels(self) -> list[str]:
        """Genres that occur, sorted; the tags in the source's order for a tagging task."""
        if self.task == "tags":
            return list(self.tag_names)
        return sorted({t.genre for t in self.tracks if t.genre})

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything that training could see of the tracks but the sound itself."""
        return fingerprint(self.tracks)
