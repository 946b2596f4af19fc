"""The interface of fuzz targets, and what they have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Target:
    """Something that reads data from outside."""

    name: str
    about: str
    """What is fuzzed, for the table in the documentation."""
    seeds: Callable[[], Mapping[str, bytes]]
    """Valid inputs by name, from which others are derived."""
    check: Callable[[bytes, Path], None]
    """Read the data, using an empty folder for files. Raises StreamgenreError for bad input."""
    largest: int = 1 << 16
    """Maximum size of an input in bytes."""

    @cache  # noqa: B019  # a few targets that live as long as the process
    def inputs(self) -> Mapping[str, bytes]:
        """The seeds, generated once."""
        return self.seeds()


class Reader:
    """Takes numbers and parts from the front of fuzzed data; zeros when it is used up."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __bool__(self) -> bool:
        return bool(self._data)

    def number(self, size: int = 1) -> int:
        """The next `size` bytes as an unsigned number."""
        part, self._data = self._data[:size], self._data[size:]
        return int.from_bytes(part, "little")

    def rest(self) -> bytes:
        """All remaining bytes."""
        part, self._data = self._data, b""
        return part
