"""File objects for FFmpeg, from paths, pipes, Python file objects and network connections."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import BinaryIO

from ...errors import InputError

_DRAINED = 1 << 20  # bytes at a time


CHECK = "check the address and the network"
CHECK_DISK = "check the disk or the network drive"
COPY_AGAIN = "copy or download it again"


class ConnectionLostError(InputError):
    """The connection broke or stalled. The message is the reason; `remedy` is separate."""

    def __init__(self, reason: str, remedy: str = CHECK) -> None:
        super().__init__(reason)
        self.remedy = remedy


class ByteFile:
    """A file that is read forwards. An error ends the data and is stored; see `check`.

    Exceptions must not pass through FFmpeg, which would print a KeyboardInterrupt and continue.
    """

    def __init__(self) -> None:
        self._ahead = b""  # read, but not returned yet
        self._failure: BaseException | None = None

    @property
    def size(self) -> int | None:
        """Size of the file in bytes, if known."""
        return None

    @property
    def left(self) -> int | None:
        """Number of unread bytes, if known."""
        return None

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, as soon as any are available; empty at the end."""
        if self._ahead:
            given, self._ahead = self._ahead[:size], self._ahead[size:]
            return given
        if self._failure is not None or size <= 0:
            return b""
        try:
            return self.get(size)
        except BaseException as error:
            self._failure = error
            return b""

    def get(self, size: int) -> bytes:
        """Read from the underlying object; may raise."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise the error that ended the data, if any."""
        if self._failure is not None:
            raise self._failure

    @property
    def live(self) -> bool:
        """Whether the data may arrive in real time: a pipe or a connection."""
        return self.size is None

    def seekable(self) -> bool:
        """Whether `seek` and `tell` can be used."""
        return False

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As for a file object."""
        raise NotImplementedError

    def tell(self) -> int:
        """As for a file object."""
        raise NotImplementedError

    def read_whole(self, size: int) -> bytes:
        """Exactly `size` bytes, or fewer at the end."""
        parts = bytearray()
        while len(parts) < size and (more := self.read(size - len(parts))):
            parts += more
        return bytes(parts)

    def unread(self, data: bytes) -> None:
        """Put bytes back, so that they are read next."""
        self._ahead = data + self._ahead

    def peek(self, size: int) -> bytes:
        """The next `size` bytes, or fewer at the end, without consuming them."""
        data = self.read_whole(size)
        self.unread(data)
        return data

    def drain(self) -> None:
        """Read the rest of a pipe, since its writer would fail if it were closed early."""

    def close(self) -> None:
        """Release the underlying object."""


class LayeredFile(ByteFile):
    """A ByteFile that transforms the bytes of another one."""

    def __init__(self, file: ByteFile) -> None:
        super().__init__()
        self._file = file

    @property
    def live(self) -> bool:
        """See ByteFile."""
        return self._file.live

    def check(self) -> None:
        """See ByteFile."""
        super().check()
        self._file.check()

    def drain(self) -> None:
        """See ByteFile."""
        self._file.drain()

    def close(self) -> None:
        """See ByteFile."""
        self._file.close()


class ObjectFile(ByteFile):
    """A binary file object: a regular file, a pipe, or one of another library.

    `owned`: close it at the end.
    """

    def __init__(self, file: BinaryIO, owned: bool = False) -> None:
        super().__init__()
        self._file, self._owned = file, owned
        name = getattr(file, "name", None)
        self.name = name if isinstance(name, str) else ""  # FFmpeg looks at its extension
        # read1 returns the available bytes, so that audio from a slow pipe is decoded immediately.
        self._get: Callable[[int], bytes] = getattr(file, "read1", file.read)
        self._start, self._size = 0, None
        if self.seekable():
            self._start = file.tell()
            self._size = file.seek(0, os.SEEK_END) - self._start
            file.seek(self._start)

    @property
    def size(self) -> int | None:
        """See ByteFile."""
        return self._size

    @property
    def left(self) -> int | None:
        """See ByteFile."""
        return None if self._size is None else self._size - self.tell()

    def get(self, size: int) -> bytes:
        """See ByteFile."""
        return self._get(size)

    def seekable(self) -> bool:
        """See ByteFile."""
        try:
            return bool(self._file.seekable())
        except AttributeError:
            return False

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """See ByteFile."""
        if whence == os.SEEK_CUR:
            offset += self.tell()
        self._ahead = b""
        if whence == os.SEEK_END:
            return self._file.seek(offset, os.SEEK_END) - self._start
        return self._file.seek(self._start + offset) - self._start

    def tell(self) -> int:
        """See ByteFile."""
        return self._file.tell() - self._start - len(self._ahead)

    def drain(self) -> None:
        """See ByteFile."""
        while self.live and self.read(_DRAINED):
            pass

    def close(self) -> None:
        """See ByteFile."""
        if self._owned:
            self._file.close()
