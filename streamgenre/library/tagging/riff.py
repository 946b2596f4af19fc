"""Read and write the genre (IGNR) in the INFO list of a RIFF file, which mutagen does not support.

Format: Microsoft and IBM, Multimedia Programming Interface and Data Specifications 1.0 (1991),
chapter 2. Files whose size does not match their header are not changed.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

GENRE, SOFTWARE = b"IGNR", b"ISFT"
_MAX_LIST = 1 << 24  # bytes; an INFO list contains only short texts


@dataclass(frozen=True, slots=True)
class _List:
    """The INFO list of a file."""

    offset: int
    """Position of its header in the file."""
    size: int
    """Bytes, including header and padding."""
    chunks: tuple[tuple[bytes, bytes], ...]
    """Name and data of each chunk, in file order."""

    def packed(self) -> bytes:
        """The encoded list."""
        parts = [b"INFO"]
        for name, data in self.chunks:
            parts.append(name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2))
        body = b"".join(parts)
        return b"LIST" + struct.pack("<I", len(body)) + body


def info_items(path: Path) -> dict[bytes, bytes] | None:
    """Read the INFO list; None if there is none. Values include their terminating NUL."""
    with path.open("rb") as file:
        found = _find(file)
    return None if found is None else dict(reversed(found.chunks))


def set_info_genre(path: Path, genre: bytes | None) -> None:
    """Set the genre in the INFO list, or remove it if `genre` is None. Not atomic.

    Raises ValueError if there is no INFO list.
    """
    with path.open("r+b") as file:
        found = _find(file)
        if found is None:
            raise ValueError("no INFO list")
        chunks = list(found.chunks)
        places = [i for i, (name, _) in enumerate(chunks) if name == GENRE]
        first = places[0] if places else len(chunks)
        chunks = [chunk for chunk in chunks if chunk[0] != GENRE]
        if genre is not None:
            chunks.insert(first, (GENRE, genre))
        _replace(file, found, _List(found.offset, found.size, tuple(chunks)).packed())


def _find(file: BinaryIO) -> _List | None:
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(12)
    if len(head) < 12 or head[:4] != b"RIFF" or struct.unpack("<I", head[4:8])[0] != end - 8:
        return None
    found: _List | None = None
    position = 12
    while position + 8 <= end:
        file.seek(position)
        name, size = struct.unpack("<4sI", file.read(8))
        whole = 8 + size + size % 2
        if position + whole > end:
            return None
        if name == b"LIST" and 4 <= size <= _MAX_LIST and file.read(4) == b"INFO":
            if found is not None:
                return None  # ambiguous
            chunks = tuple(_chunks(file.read(size - 4)))
            found = _List(position, whole, chunks)
            if len(found.packed()) != whole:
                return None
        position += whole
    return found if position == end else None


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 0
    while position + 8 <= len(data):
        name, size = struct.unpack("<4sI", data[position : position + 8])
        yield name, data[position + 8 : position + 8 + size]
        position += 8 + size + size % 2


def _replace(file: BinaryIO, old: _List, new: bytes) -> None:
    """Replace a list by other bytes, move the rest of the file, and update the length."""
    end = file.seek(0, os.SEEK_END)
    change = len(new) - old.size
    after = old.offset + old.size
    if change > 0:
        file.truncate(end + change)
    if change and after < end:
        with mmap.mmap(file.fileno(), 0) as memory:
            memory.move(after + change, after, end - after)
    if change < 0:
        file.truncate(end + change)
    file.seek(old.offset)
    file.write(new)
    file.seek(4)
    file.write(struct.pack("<I", end + change - 8))
