"""Plan the genre tag of each file of the results, with a reason for files that are not written."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ...errors import InputError, reason
from ..groups import Groups
from ..row import Row, system_path
from .genre import GenreTag, read_genre
from .names import GenreNames
from .record import FileState, History
from .rewrite import message_of, refusal

By = Literal["track", "album", "artist"]
"""Source of the genre: the file itself, or all tracks of its album or artist."""
Outcome = Literal["planned", "written", "restored", "same", "skipped", "read-only", "failed"]


@dataclass(frozen=True, slots=True)
class TagChange:
    """The change of the genre tag of one file."""

    path: str
    """The path in the results."""
    outcome: Outcome
    """"planned": would be written. "written", "restored": done. "same": already has these genres.
    "skipped": nothing to write. "read-only": the file or its folder is. "failed": cannot be
    written for another reason."""
    old: tuple[str, ...] = ()
    """The genres before the change."""
    new: tuple[str, ...] = ()
    """The genres after the change."""
    why: str | None = None
    """The reason, for "skipped", "read-only" and "failed"."""


@dataclass(frozen=True, slots=True)
class TagOptions:
    """Which files are written, and with which names."""

    names: GenreNames
    min_confidence: float = 0.0
    """Minimum confidence of predictions. Corrections are always written."""
    only_missing: bool = False
    """Write only files without a genre."""
    styles: bool = False
    """Also write the styles of a file, after its genre."""


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """A planned change and the data needed to perform it."""

    change: TagChange
    row: Row
    tag: GenreTag | None = None
    """None if nothing is to be written."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The label of a file, or the reason why it has none."""

    label: str | None
    confidence: float = 1.0
    why: str = ""


def genres_for(
    row: Row, decision: Decision, options: TagOptions
) -> tuple[tuple[str, ...], str | None]:
    """The values to write, or the reason why nothing is written."""
    if decision.label is None:
        return (), decision.why
    if decision.confidence < options.min_confidence:
        return (), f"{decision.label} at {decision.confidence:.0%} is below the minimum confidence"
    hints = (row.styles or ()) if options.styles and row.genre == decision.label else ()
    genres = options.names.of(decision.label, hints)
    return genres, None if genres else f"the map has no name for {decision.label}"


@dataclass(slots=True)
class Planner:
    """Plans the changes of files. A file that is listed under several paths is planned once."""

    options: TagOptions
    history: History
    _seen: dict[str, str] = field(default_factory=dict)
    """Path with links resolved -> first path in the results."""

    def plan(self, row: Row, decision: Decision) -> PlannedChange:
        """Plan the change for a row."""
        genres, unwanted = genres_for(row, decision, self.options)
        if unwanted is not None:
            return PlannedChange(TagChange(row.path, "skipped", why=unwanted), row)
        path = Path(os.path.realpath(system_path(row.path)))
        try:
            if (stale := self._stale(path, row)) is not None:
                return PlannedChange(TagChange(row.path, "failed", new=genres, why=stale), row)
            if (other := self._known_as(path, row)) is not None:
                same = f"is the same file as {other}"
                return PlannedChange(TagChange(row.path, "skipped", why=same), row)
            tag = read_genre(path)
            change = self._change(row, tag, genres)
        except (InputError, OSError) as error:
            return PlannedChange(TagChange(row.path, "skipped", why=message_of(error, path)), row)
        return PlannedChange(change, row, tag if change.outcome == "planned" else None)

    def _stale(self, path: Path, row: Row) -> str | None:
        try:
            now = FileState.of(path.stat())
        except FileNotFoundError:
            return "no such file; scan again"
        except OSError as error:
            return f"cannot be read: {reason(error)}; check the disk, or scan again"
        if (row.size, row.mtime) == (now.size, now.modified / 1e9):
            return None
        if any(
            (old.size, old.modified / 1e9) == (row.size, row.mtime)
            and self.history.same_audio(str(path), old, now)
            for record in self.history.of(str(path))
            for old in (record.before, record.after)
        ):
            return None
        return "has changed since the scan; scan again"

    def _known_as(self, path: Path, row: Row) -> str | None:
        """The first path of the same file in the results; None if it is this one."""
        first = self._seen.setdefault(str(path), row.path)
        return None if first == row.path else first

    def _change(self, row: Row, tag: GenreTag, genres: tuple[str, ...]) -> TagChange:
        if self.options.only_missing and tag.names:
            return TagChange(row.path, "skipped", tag.names, why="already has a genre")
        if tag.matches(genres):
            return TagChange(row.path, "same", tag.names, genres)
        if (refused := refusal(tag.path)) is not None:
            return TagChange(row.path, refused.outcome, tag.names, genres, refused.why)
        return TagChange(row.path, "planned", tag.names, genres)


def decide(row: Row, by: By = "track", groups: Groups | None = None) -> Decision:
    """Decide on the genre of a file: its correction, the genre of its group, or its own.

    `groups` is required if `by` is "album" or "artist". A file without such a group uses its own
    prediction.
    """
    if row.corrected is not None:
        return Decision(row.corrected)
    if row.error is not None:
        return Decision(None, why=f"has no result: {row.error}")
    group = None
    if groups is not None and by != "track":
        group = groups.album_of(row) if by == "album" else groups.artist_of(row)
    if group is None:
        if row.genre is None:
            return Decision(None, why=_undecided(row.status, ""))
        return Decision(row.genre, row.confidence or 0.0)
    if group.corrected is not None:
        return Decision(group.corrected)
    verdict = group.verdict
    if verdict is None or verdict.genre is None:
        status = None if verdict is None else verdict.status
        return Decision(None, why=_undecided(status, f" of its {by}"))
    return Decision(verdict.genre, verdict.confidence)


def _undecided(status: str | None, of_group: str) -> str:
    return "no music" if status == "no-music" else f"the genre{of_group} is unsure"
