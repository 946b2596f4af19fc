"""Containers of plain samples (wav, RF64, W64, AIFF, AU, CAF), read to the end of their data.

The length in such a header is often wrong: the writer could not go back in a pipe, was killed
before it did, or the file outgrew 32 bits. Decoders stop at the stated length. `SampleFile` gives a
decoder the same bytes with an unlimited length. Sound continues after the stated length unless what
follows is a chunk of the container.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

from .byteio import ByteFile, LayeredFile

_LARGEST_HEADER = 1 << 24  # bytes; artwork can precede the samples
_W64_RIFF = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"
_W64_TAIL = b"\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
_AU_ENCODINGS = {  # format and bits of wav -> encoding of AU, for samples whose byte order matters
    (1, 16): 3, (1, 24): 4, (1, 32): 5, (3, 32): 6, (3, 64): 7
}  # fmt: skip
_AIFF_PLAIN = {
    b"NONE", b"sowt", b"twos", b"raw ", b"in24", b"in32", b"42ni", b"23ni", b"fl32", b"FL32",
    b"fl64", b"FL64",
}  # fmt: skip
_ONE_BYTE = {(1, 8), (6, 8), (7, 8)}  # format and bits of wav: PCM, A-law, mu-law
_AU_BYTES = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}  # encoding -> bytes per sample
_NAME = re.compile(rb"[A-Za-z0-9_(][A-Za-z0-9_ )]{3}")
_LARGEST_TRAILER = 1 << 28  # bytes of a trailing chunk of a stream, the end of which is not known


@dataclass(frozen=True)
class _Layout:
    """How the chunks of a container are written."""

    order: str  # of struct: "<" or ">"
    wide: bool = False  # sizes of 64 bits
    guids: bool = False  # W64: names of 16 bytes, and sizes that include the header


@dataclass(frozen=True)
class _Samples:
    """Where the samples begin, and what the header states about them."""

    head: bytes  # up to the first sample, with a length without limit
    stated: int | None  # bytes, None if the writer could not know
    rate: float  # bytes per second, 0 if the header does not say
    layout: _Layout | None  # of chunks that may follow; None: there are none
    wav: bool = False


class SampleFile(LayeredFile):
    """The bytes of such a container for a decoder; see `of`."""

    def __init__(self, file: ByteFile, samples: _Samples) -> None:
        super().__init__(file)
        self._samples = samples
        self._head = samples.head
        self._left = math.inf if samples.stated is None else samples.stated
        self._served = 0  # bytes of samples

    @classmethod
    def of(cls, file: ByteFile) -> SampleFile | None:
        """Wrap a file at its start. Returns None, with the file at its start, for other formats."""
        samples = _parse(file)
        return None if samples is None else cls(file, samples)

    @property
    def options(self) -> dict[str, str]:
        """Options of FFmpeg's demuxer."""
        return {"ignore_length": "1"} if self._samples.wav else {}

    @property
    def duration(self) -> float | None:
        """Seconds: from the size of the file, or else as stated."""
        size, rate = self._file.size, self._samples.rate
        data = self._samples.stated if size is None else size - len(self._samples.head)
        return data / rate if data and rate else None

    @property
    def claim(self) -> float:
        """Stated bytes per byte read: more than 1 if the file ended before the stated length."""
        stated = self._samples.stated
        return stated / self._served if stated and self._served else 1.0

    def get(self, size: int) -> bytes:
        """See ByteFile."""
        if self._head:
            given, self._head = self._head[:size], self._head[size:]
            return given
        if self._left == 0:
            if self._chunk_follows():
                return b""
            self._left = math.inf
        data = self._file.read(int(min(size, self._left)))
        self._left -= len(data)
        self._served += len(data)
        return data

    def _chunk_follows(self) -> bool:
        """Whether the samples are followed by a chunk, or by nothing."""
        layout = self._samples.layout
        # A chunk begins at an even position, so that a byte may be between.
        odd = bool((self._samples.stated or 0) % 2) and layout is not None and not layout.guids
        look = self._file.peek(25)
        if len(look) <= odd:
            return True
        if layout is None:
            return False
        name, size = _chunk(look[odd:], layout)
        if size < 0 or not _NAME.fullmatch(name):
            return False
        left = self._file.left
        return size <= (_LARGEST_TRAILER if left is None else left)


def _chunk(data: bytes, layout: _Layout) -> tuple[bytes, int]:
    """Name and size of a chunk from its first bytes; the size is -1 if there are too few."""
    if layout.guids:
        if len(data) < 24 or data[4:16] != _W64_TAIL:
            return b"", -1
        return data[:4], int.from_bytes(data[16:24], "little") - 24
    form = layout.order + ("q" if layout.wide else "I")
    if len(data) < 4 + struct.calcsize(form):
        return b"", -1
    return data[:4], int(struct.unpack_from(form, data, 4)[0])


def _unlimited(size: int) -> bool:
    """Whether a 32-bit size is a placeholder for an unknown size.

    Programs write 0xFFFFFFFF and close to it (FFmpeg), 0x7FFFF000 to 0x7FFFFFFF (SoX), or
    0x80000000 (arecord).
    """
    return size >= 0xFFFFFF00 or 0x7FFFF000 <= size <= 0x80000100


class _Header:
    """Reads a header and keeps its bytes. Raises _UnknownError if it is invalid."""

    def __init__(self, file: ByteFile) -> None:
        self._file = file
        self.bytes = bytearray()

    def take(self, size: int) -> bytes:
        if not 0 <= size <= _LARGEST_HEADER - len(self.bytes):
            raise _UnknownError
        data = self._file.read_whole(size)
        self.bytes += data
        if len(data) < size:
            raise _UnknownError
        return data

    def replace(self, back: int, data: bytes) -> None:
        """Replace the bytes that begin `back` before the end."""
        at = len(self.bytes) - back
        self.bytes[at : at + len(data)] = data


class _UnknownError(Exception):
    """An unknown container, or an unsupported form of one."""


def _parse(file: ByteFile) -> _Samples | None:
    magic = file.peek(16)
    parsers: tuple[tuple[bool, Callable[[_Header], _Samples]], ...] = (
        (magic[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64") and magic[8:12] == b"WAVE", _wav),
        (magic == _W64_RIFF, _w64),
        (magic[:4] == b"FORM" and magic[8:12] in (b"AIFF", b"AIFC"), _aiff),
        (magic[:4] == b".snd", _au),
        (magic[:4] == b"caff", _caf),
    )
    for matches, parse in parsers:
        if matches:
            header = _Header(file)
            try:
                return parse(header)
            except _UnknownError:
                file.unread(bytes(header.bytes))
    return None


def _wav(header: _Header) -> _Samples:
    magic = header.take(12)[:4]
    layout = _Layout(">" if magic == b"RIFX" else "<")
    rate, long_size, form = 0, None, b""
    while True:
        name, size = _chunk(header.take(8), layout)
        if name == b"data":
            break
        body = header.take(size + size % 2)
        if name == b"fmt " and size >= 16:
            form = body
            rate = struct.unpack_from(layout.order + "I", body, 8)[0]
        elif name == b"ds64" and size >= 16:
            long_size = int.from_bytes(body[8:16], "little")
    if not rate:
        raise _UnknownError  # the format follows the samples
    stated: int | None = size
    if magic in (b"RF64", b"BW64"):
        # FFmpeg would take the length from the chunk ds64.
        header.bytes[:4] = b"RIFF"
        if size >= 0xFFFFFF00 and long_size is not None:
            stated = None if long_size >= 1 << 62 else long_size
    elif _unlimited(size):
        stated = None
    header.replace(4, b"\xff\xff\xff\xff")
    head = bytes(header.bytes)
    if magic == b"RIFX":
        head = _in_known_order(form, len(head)) or head
    return _Samples(head, stated, rate, layout, wav=head[:4] != b".snd")


def _in_known_order(form: bytes, length: int) -> bytes:
    """Another header of the same length for the samples of a big-endian wav file.

    FFmpeg reads such samples as if they were little-endian, and not every header. The result is a
    header of AU, or of a little-endian wav file if the order of the samples does not matter. It is
    empty for other codecs.
    """
    tag, channels, rate, second, block, bits = struct.unpack_from(">HHIIHH", form)
    if tag == 0xFFFE and len(form) >= 28:
        tag = struct.unpack_from(">I", form, 24)[0]
    if encoding := _AU_ENCODINGS.get((tag, bits)):
        au = struct.pack(">4s5I", b".snd", length, 0xFFFFFFFF, encoding, rate, channels)
        return au.ljust(length, b"\0")
    if (tag, bits) not in _ONE_BYTE:
        return b""
    fields = struct.pack("<HHIIHH", tag, channels, rate, second, block, bits)
    fields = fields.ljust(length - 28, b"\0")
    start = struct.pack("<4sI4s4sI", b"RIFF", 0xFFFFFFFF, b"WAVE", b"fmt ", len(fields))
    return start + fields + b"data\xff\xff\xff\xff"


def _w64(header: _Header) -> _Samples:
    header.take(40)
    layout, rate = _Layout("<", guids=True), 0
    while True:
        name, size = _chunk(header.take(24), layout)
        if name == b"data":
            break
        body = header.take(size + -size % 8)
        if name == b"fmt " and size >= 16:
            rate = struct.unpack_from("<I", body, 8)[0]
    if not rate:
        raise _UnknownError
    header.replace(8, (1 << 62).to_bytes(8, "little"))
    stated = size if 0 <= size < 1 << 61 else None
    return _Samples(bytes(header.bytes), stated, rate, layout)


def _aiff(header: _Header) -> _Samples:
    header.take(12)
    layout, frames, per_second, frame_bytes = _Layout(">"), 0, 0.0, 0
    while True:
        name, size = _chunk(header.take(8), layout)
        if name == b"SSND":
            break
        body = header.take(size + size % 2)
        if name == b"COMM" and size >= 18:
            channels, frames, bits = struct.unpack_from(">hIh", body)
            exponent, mantissa = struct.unpack_from(">HQ", body, 8)
            per_second = math.ldexp(mantissa, (exponent & 0x7FFF) - 16383 - 63)
            plain = size < 22 or body[18:22] in _AIFF_PLAIN
            frame_bytes = channels * -(-bits // 8) if plain else 0
    if not per_second:
        raise _UnknownError  # the format follows the samples
    header.replace(4, b"\xff\xff\xff\xff")
    offset = int.from_bytes(header.take(8)[:4], "big")
    header.take(offset)
    stated = None if _unlimited(size) else max(0, size - 8 - offset)
    if not stated and frames and frame_bytes:
        stated = frames * frame_bytes
    return _Samples(bytes(header.bytes), stated, per_second * frame_bytes, layout)


def _au(header: _Header) -> _Samples:
    _, start, size, encoding, rate, channels = struct.unpack(">6I", header.take(24))
    header.take(start - 24)
    header.bytes[8:12] = b"\xff\xff\xff\xff"
    second = _AU_BYTES.get(encoding, 0) * rate * channels
    return _Samples(bytes(header.bytes), None if _unlimited(size) else size, second, None)


def _caf(header: _Header) -> _Samples:
    header.take(8)
    layout, second = _Layout(">", wide=True), 0.0
    while True:
        name, size = _chunk(header.take(12), layout)
        if name == b"data":
            break
        body = header.take(size)
        if name == b"desc" and size >= 32:
            per_second, _, _, packet, frames = struct.unpack_from(">d4sIII", body)
            if not packet or not frames:
                raise _UnknownError  # packets of different sizes: a table follows the samples
            second = per_second / frames * packet
    if not second:
        raise _UnknownError
    header.replace(8, b"\xff" * 8)
    header.take(4)  # the edit count
    return _Samples(bytes(header.bytes), None if size < 4 else size - 4, second, layout)
