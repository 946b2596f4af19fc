"""Records of written tags, for undo: a JSON Lines file next to the results (RESULTS.tags).

A record is flushed to disk before its file is replaced. It contains the state of the file before
and after, so the current state of the file shows whether it was replaced. If the last line is
incomplete, its file was not replaced.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from ...errors import InputError, OutputError, reason
from ...parse import parse_json

SUFFIX = ".tags"
"""Suffix of the records of a results file."""


@dataclass(frozen=True, slots=True)
class Field:
    """A genre field of a tag."""

    name: str
    """Name in the container, such as TCON, GENRE or WM/Genre."""
    values: tuple[str, ...]
    detail: tuple[int | None, ...] = ()
    """ID3: text encoding. Vorbis comment: position. ASF: language and stream."""


@dataclass(frozen=True, slots=True)
class Genre:
    """All genre fields of a file, exactly as stored."""

    has_tag: bool
    """Whether the file has a tag. If not, undo removes the tag that was added."""
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class FileState:
    """Size and modification time of a file, by which a scan detects changes."""

    size: int
    modified: int
    """ns since the epoch."""

    @classmethod
    def of(cls, status: os.stat_result) -> FileState:
        """From the result of os.stat."""
        return cls(status.st_size, status.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class Record:
    """The replacement of a file by one with another genre."""

    path: str
    """Path of the file, with links resolved."""
    action: Literal["write", "undo"]
    before: FileState
    after: FileState
    content: str
    """Hash of the new file."""
    genres: tuple[str, ...]
    """The genres that were written."""
    original: Genre
    """The genre fields before the first write."""
    tag_genre: str | None
    """The value of `tag_genre` in the results before the first write."""

    def to_json(self) -> str:
        """The record as JSON, without a newline."""
        record = {"time": datetime.now(UTC).isoformat(timespec="seconds"), **asdict(self)}
        return json.dumps(
            record, allow_nan=False
        )  # ASCII, which preserves paths that are not UTF-8

    @classmethod
    def of_json(cls, line: str | bytes) -> Record:
        """Parse a record. Raises ValueError, KeyError or TypeError if it is invalid."""
        entries: dict[str, Any] = parse_json(line)
        entries.pop("time")
        original = entries.pop("original")
        fields = (
            Field(one["name"], tuple(one["values"]), tuple(one["detail"]))
            for one in original["fields"]
        )
        return cls(
            before=FileState(**entries.pop("before")),
            after=FileState(**entries.pop("after")),
            genres=tuple(entries.pop("genres")),
            original=Genre(original["has_tag"], tuple(fields)),
            **entries,
        )


def read_records(path: Path) -> Iterator[Record]:
    """Yield all records, oldest first; none if the file does not exist. Raises InputError."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    return  # incomplete
                try:
                    record = Record.of_json(line)
                except (ValueError, KeyError, TypeError, AttributeError):
                    raise InputError(
                        f"{path}: line {number} is not a record of written tags; repair the line, "
                        "or remove it (its file can then not be restored)"
                    ) from None
                yield record
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {reason(error)}") from None


class RecordError(OutputError):
    """Records cannot be written, so no more tags may be written."""


class History:
    """All records next to a results file, grouped by path."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._records: dict[str, list[Record]] = {}
        for record in read_records(path):
            self._records.setdefault(record.path, []).append(record)

    def __iter__(self) -> Iterator[str]:
        return iter([*self._records])

    def of(self, path: str) -> list[Record]:
        """The records of a file, oldest first."""
        return self._records.get(path, [])

    def same_audio(self, path: str, before: FileState, now: FileState) -> bool:
        """Whether the file has changed from one state to the other only by recorded writes."""
        states: set[FileState] = set()
        for record in self.of(path):
            if record.before not in states:
                states = {record.before}
            states.add(record.after)
            if {before, now} <= states:
                return True
        return False

    def append(self, record: Record) -> None:
        """Append a record and flush it to disk.

        Raises RecordError. The file is then unchanged.
        """
        line = record.to_json().encode() + b"\n"
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0))
            with os.fdopen(descriptor, "r+b") as file:
                end = _end_of_lines(file)
                try:
                    file.seek(end)
                    file.write(line)
                    file.flush()
                    os.fsync(file.fileno())
                except OSError:
                    file.truncate(end)
                    raise
        except OSError as error:
            raise RecordError(f"{self.path}: cannot be written: {reason(error)}") from None
        self._records.setdefault(record.path, []).append(record)


def _end_of_lines(file: Any) -> int:
    """Position after the last complete line."""
    end = file.seek(0, os.SEEK_END)
    while end:
        first = max(0, end - 65_536)
        file.seek(first)
        place = file.read(end - first).rfind(b"\n")
        if place >= 0:
            return int(first + place + 1)
        end = first
    return 0
