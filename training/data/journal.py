"""The index of a cache folder: one line of JSON per file, written after the samples of the file.

Invalid lines, such as one truncated by a kill, and entries of changed files are ignored; these
files are decoded again.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from streamgenre.parse import parse_json

from .record import DataError

INDEX, SAMPLES = "index.jsonl", "samples.int16"
BYTES = 2  # per sample


@dataclass(frozen=True)
class Stamp:
    """Identity of a file version: path, size and modification time."""

    path: str
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> Stamp:
        """Stamp of the current file; size -1 if it does not exist."""
        where = os.path.abspath(path)  # noqa: PTH100 - a link stays one, unlike with resolve
        try:
            status = path.stat()
        except OSError:
            return cls(where, -1, 0)
        return cls(where, status.st_size, status.st_mtime_ns)


@dataclass(frozen=True)
class Entry:
    """Position of the samples of a file, or the reason why there are none."""

    start: int
    end: int
    error: str = ""
    digest: str = ""  # of the samples; empty in folders of older versions


def digest_of(samples: bytes | memoryview) -> str:
    """Checksum that detects changed samples. It does not protect against forgery."""
    return f"{zlib.crc32(samples):08x}"


def read_journal(folder: Path) -> dict[Stamp, Entry]:
    """Read all entries whose samples exist."""
    try:
        lines = (folder / INDEX).read_bytes().splitlines()
        held = (folder / SAMPLES).stat().st_size // BYTES
    except FileNotFoundError:
        return {}
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{folder}: cannot be read: {reason}; give another --cache") from None
    entries: dict[Stamp, Entry] = {}
    position = 0
    for line in lines:
        row = _parsed(line)
        if row is None:
            continue
        stamp, entry = row
        if entry.end > held:
            continue
        if entry.start < position:
            # Samples of earlier entries were lost, and these were written in their place.
            entries = {s: e for s, e in entries.items() if e.end <= entry.start}
        position = entry.end
        entries[stamp] = entry
    return entries


def _parsed(line: bytes) -> tuple[Stamp, Entry] | None:
    """Parse a line. Returns None unless it is a valid entry."""
    try:
        row = parse_json(line)
        numbers = [row[name] for name in ("size", "mtime_ns", "start", "end")]
        words = [row["path"], row["error"], row.get("digest", "")]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if {*map(type, numbers)} != {int} or {*map(type, words)} != {str}:
        return None
    size, mtime_ns, start, end = numbers
    path, error, digest = words
    # An entry has either samples or an error.
    if start < 0 or end < start or bool(error) == (end > start):
        return None
    if digest and not re.fullmatch("[0-9a-f]{8}", digest):
        return None
    return Stamp(path, size, mtime_ns), Entry(start, end, error, digest)


class Journal:
    """Appends decoded files to a folder. The caller holds the lock of the folder."""

    def __init__(self, folder: Path, entries: Iterable[Entry]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._position = max((entry.end for entry in entries), default=0)
        (folder / SAMPLES).touch()
        self._samples = (folder / SAMPLES).open("r+b")
        # Discard data behind the last entry: it belongs to a file that was being written at a kill.
        self._samples.seek(self._position * BYTES)
        self._index = (folder / INDEX).open("ab")
        if self._index.tell():
            self._index.write(b"\n")  # terminates a truncated line

    def add(self, stamp: Stamp, samples: bytes, error: str) -> None:
        """Append a file. The entry is written after the samples, so it is never wrong."""
        end = self._position + len(samples) // BYTES
        self._samples.write(samples)
        self._samples.flush()
        digest = digest_of(samples) if samples else ""
        row = {**asdict(stamp), **asdict(Entry(self._position, end, error, digest))}
        self._index.write(json.dumps(row, allow_nan=False).encode() + b"\n")
        self._index.flush()
        self._position = end

    def close(self) -> None:
        """Close both files."""
        self._samples.close()
        self._index.close()
