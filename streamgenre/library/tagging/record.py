"""What was written into which file: a file of JSON lines beside the results (RESULTS.tags).

A line is complete on the disk before its file is replaced, and holds the state of the file before
and after. So it needs no second line: which of the two states the file is in shows whether it was
replaced. A last line that was cut off belongs to a file that was not.
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

SUFFIX = ".tags"
"""What the name of this file has behind the name of the results."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a tag that states a genre."""

    name: str
    """As the container names it, such as TCON, GENRE or WM/Genre."""
    values: tuple[str, ...]
    detail: tuple[int | None, ...] = ()
    """ID3: text encoding. Vorbis comment: its place. ASF: language and stream."""


@dataclass(frozen=True, slots=True)
class Genre:
    """All that a file states of its genre, exactly as it is stored."""

    has_tag: bool
    """Whether there is a tag; it is removed if it was made for the genre only."""
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class FileState:
    """A file as the system and a scan see it."""

    size: int
    modified: int
    """ns since the epoch."""

    @classmethod
    def of(cls, status: os.stat_result) -> FileState:
        """Of what os.stat gave."""
        return cls(status.st_size, status.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class Record:
    """A file that is about to be replaced by one with another genre."""

    path: str
    """Where the file is, links resolved."""
    action: Literal["write", "undo"]
    before: FileState
    after: FileState
    content: str
    """Hash of the whole file afterwards."""
    genres: tuple[str, ...]
    """What was written."""
    original: Genre
    """What the file stated before the first time that it was written."""
    tag_genre: str | None
    """The same, as the results have it."""

    def to_json(self) -> str:
        """A line without its end."""
        record = {"time": datetime.now(UTC).isoformat(timespec="seconds"), **asdict(self)}
        return json.dumps(record)  # ASCII, which also keeps paths that are not UTF-8

    @classmethod
    def of_json(cls, line: str | bytes) -> Record:
        """Raises ValueError, KeyError or TypeError if the line is another one."""
        entries: dict[str, Any] = json.loads(line)
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
    """The records of a file, the oldest first; none if there is no file. Raises InputError."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    return  # cut off
                try:
                    record = Record.of_json(line)
                except (ValueError, KeyError, TypeError, AttributeError):
                    raise InputError(
                        f"{path}: line {number} is no record of written tags; without it, its "
                        "file cannot be restored: put it in order, or remove the line"
                    ) from None
                yield record
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {reason(error)}") from None


class RecordError(OutputError):
    """Records cannot be kept, so that nothing more may be written."""


class History:
    """All records of a file, by path, and new ones."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._records: dict[str, list[Record]] = {}
        for record in read_records(path):
            self._records.setdefault(record.path, []).append(record)

    def __iter__(self) -> Iterator[str]:
        return iter([*self._records])

    def of(self, path: str) -> list[Record]:
        """The records of a file, the oldest first."""
        return self._records.get(path, [])

    def same_audio(self, path: str, before: FileState, now: FileState) -> bool:
        """Whether records lead from one state of a file to the other."""
        states: set[FileState] = set()
        for record in self.of(path):
            if record.before not in states:
                states = {record.before}
            states.add(record.after)
            if {before, now} <= states:
                return True
        return False

    def append(self, record: Record) -> None:
        """Keep a record on the disk. Raises RecordError; the file then holds what it held."""
        line = record.to_json().encode() + b"\n"
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0))
            with os.fdopen(descriptor, "r+b") as file:
                end = _whole(file)
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


def _whole(file: Any) -> int:
    """Where the last complete line of a file ends."""
    end = file.seek(0, os.SEEK_END)
    while end:
        first = max(0, end - 65_536)
        file.seek(first)
        place = file.read(end - first).rfind(b"\n")
        if place >= 0:
            return int(first + place + 1)
        end = first
    return 0
