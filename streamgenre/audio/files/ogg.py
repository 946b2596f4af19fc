"""Chained Ogg files, with several streams one after another, as from internet radio (RFC 3533).

FFmpeg stops if the rate, the channels or the codec change. Here, each stream is a separate file.
"""

from __future__ import annotations

import re

from .byteio import ByteFile, LayeredFile

_PAGE = re.compile(rb"OggS\x00([\x00-\x07])", re.S)
_PAGE_BYTES = 6  # length of a page header up to its flags
_FIRST, _LAST = 2, 4  # flags of the first and the last page of a stream
_LONGEST_PAGE = 65_307  # bytes, header included
_BLOCK = 1 << 16


class OggFile(LayeredFile):
    """The bytes of an Ogg file. They end after each chained stream; `next` moves to the next."""

    def __init__(self, file: ByteFile) -> None:
        super().__init__(file)
        self._ready = b""  # belongs to the current stream
        self._tail = b""  # too short to decide whether a page begins in it
        self._next: bytes | None = None  # the beginning of the next stream
        self._begun = False  # whether this stream had pages other than its first ones
        self._flags = 0  # flags of the last page

    @property
    def unfinished(self) -> bool:
        """Whether the last page lacks the end-of-stream flag."""
        return not self._flags & _LAST

    def get(self, size: int) -> bytes:
        """See ByteFile."""
        if not self._ready and self._next is None:
            self._fill()
        given, self._ready = self._ready[:size], self._ready[size:]
        return given

    def _fill(self) -> None:
        data = self._file.read(_BLOCK)
        known = self._tail + data
        held = min(len(known), _PAGE_BYTES - 1) if data else 0
        for page in _PAGE.finditer(known):
            flags = page[1][0]
            if flags & _FIRST and self._begun:
                self._ready, self._next, self._tail = (
                    known[: page.start()],
                    known[page.start() :],
                    b"",
                )
                return
            self._begun = self._begun or not flags & _FIRST
            self._flags = flags
        self._ready, self._tail = known[: len(known) - held], known[len(known) - held :]
        if data and not self._ready:
            self._fill()

    def next(self) -> bool:
        """Move to the next stream. Returns False if there is none."""
        while self._next is None and (self._ready or self._tail or self._file.peek(1)):
            self._ready = b""  # the decoder stopped before the end of the stream
            self._fill()
        if self._next is None:
            return False
        self._file.unread(self._next)
        self._next, self._ready, self._begun = None, b"", False
        return True

    def granule(self) -> int:
        """Position of the last page in samples; 0 if the file is not seekable."""
        size = self._file.size
        if size is None or not self._file.seekable():
            return 0
        at = self._file.tell()
        self._file.seek(max(0, size - _LONGEST_PAGE))
        end = self._file.read_whole(_LONGEST_PAGE)
        self._file.seek(at)
        page = end.rfind(b"OggS")
        if page < 0:
            return 0
        return max(0, int.from_bytes(end[page + 6 : page + 14], "little", signed=True))
