"""What is to be written into the tags of each file of the results, and where nothing is, why."""

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
from .rewrite import refusal, why

By = Literal["track", "album", "artist"]
"""Whose verdict a file gets: its own, or that of all tracks of its album or artist."""
Outcome = Literal["planned", "written", "restored", "same", "skipped", "failed"]


@dataclass(frozen=True, slots=True)
class TagChange:
    """What is done with the genre tag of one file."""

    path: str
    """As the results have it."""
    outcome: Outcome
    """"planned": would be written. "same": states this genre already. "failed": cannot be written,
    which needs a remedy. "skipped": there is nothing to write."""
    old: tuple[str, ...] = ()
    """The genres that the file stated."""
    new: tuple[str, ...] = ()
    """The genres that it is to state."""
    why: str | None = None
    """Of "skipped" and "failed": the reason."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which files get a genre, and what is written."""

    names: GenreNames
    min_confidence: float = 0.0
    """Of the verdict; corrections of the user have no confidence and are always taken."""
    only_missing: bool = False
    """Only files without a genre."""
    styles: bool = False
    """Write the styles of a file behind its genre."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A change with what is needed to make it; without a tag there is nothing to do."""

    change: TagChange
    row: Row
    tag: GenreTag | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The label for a file, or the reason why there is none."""

    label: str | None
    confidence: float = 1.0
    why: str = ""


def genres_for(row: Row, decision: Decision, choice: Choice) -> tuple[tuple[str, ...], str | None]:
    """The values to write, or the reason why none are."""
    if decision.label is None:
        return (), decision.why
    if decision.confidence < choice.min_confidence:
        return (), f"{decision.label} at {decision.confidence:.0%} is below the least confidence"
    hints = (row.styles or ()) if choice.styles and row.genre == decision.label else ()
    genres = choice.names.of(decision.label, hints)
    return genres, None if genres else f"the map has no name for {decision.label}"


@dataclass(slots=True)
class Planner:
    """Plans file after file; one file under several names is planned once."""

    choice: Choice
    history: History
    _seen: dict[str, str] = field(default_factory=dict)
    """Of files behind links: where they are -> the path in the results."""

    def plan(self, row: Row, decision: Decision) -> Planned:
        """The change for a row."""
        genres, unwanted = genres_for(row, decision, self.choice)
        if unwanted is not None:
            return Planned(TagChange(row.path, "skipped", why=unwanted), row)
        path = Path(os.path.realpath(system_path(row.path)))
        try:
            if (stale := self._stale(path, row)) is not None:
                return Planned(TagChange(row.path, "failed", new=genres, why=stale), row)
            if (other := self._known_as(path, row)) is not None:
                return Planned(TagChange(row.path, "skipped", why=f"is the file {other}"), row)
            tag = read_genre(path)
            change = self._change(row, tag, genres)
        except (InputError, OSError) as error:
            return Planned(TagChange(row.path, "skipped", why=why(error, path)), row)
        return Planned(change, row, tag if change.outcome == "planned" else None)

    def _stale(self, path: Path, row: Row) -> str | None:
        try:
            now = FileState.of(path.stat())
        except FileNotFoundError:
            return "no such file; scan again"
        except OSError as error:
            return f"cannot be read: {reason(error)}"
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
        """Under which other path the results have the same file."""
        first = self._seen.setdefault(str(path), row.path)
        return None if first == row.path else first

    def _change(self, row: Row, tag: GenreTag, genres: tuple[str, ...]) -> TagChange:
        if self.choice.only_missing and tag.names:
            return TagChange(row.path, "skipped", tag.names, why="has a genre")
        if tag.states(genres):
            return TagChange(row.path, "same", tag.names, genres)
        if (refused := refusal(tag.path)) is not None:
            return TagChange(row.path, "failed", tag.names, genres, refused)
        return TagChange(row.path, "planned", tag.names, genres)


def decide(row: Row, by: By = "track", groups: Groups | None = None) -> Decision:
    """The genre of a file: its correction, that of its group, or its own.

    `groups` is needed by album and artist. A file without such a tag keeps its own verdict.
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


def _undecided(status: str | None, whose: str) -> str:
    return "no music" if status == "no-music" else f"the genre{whose} is unsure"
