"""A look at the first bytes of a file object that may not be able to go back."""

from __future__ import annotations

from typing import BinaryIO

_HEAD = 4_096


class Peeked:
    """The file object with its `head` read; reads begin at the head. Seeks where the file can."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.head = self._fill()
        self._rest = self.head
        if _seekable(file):
            file.seek(-len(self.head), 1)
            self._rest = b""
            self.seek, self.tell = file.seek, file.tell

    def _fill(self) -> bytes:
        head = b""
        while len(head) < _HEAD and (more := self._file.read(_HEAD - len(head))):
            head += more
        return head

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; none at the end."""
        if self._rest:
            given, self._rest = self._rest[:size], self._rest[size:]
            return given
        return self._file.read(size)


def _seekable(file: BinaryIO) -> bool:
    try:
        return bool(file.seekable())
    except AttributeError:
        return False
