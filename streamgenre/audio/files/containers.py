"""Where the sound of a container ends, from its bytes, where the decoders do not look."""

from __future__ import annotations

import re
import struct
from pathlib import Path

_LONGEST_PAGE = 65_307  # bytes of an Ogg page, header included (RFC 3533)
_STREAM_BEGINS = re.compile(rb"OggS\x00[\x02\x03\x06\x07]")
_MP3_TRAILER = 65_536  # bytes of tags that may follow the frames of an mp3
_MARKERS_FROM = 0xFFFFFF00  # from here on, the data size of a wav file is a marker, not a size


def chained_ogg(path: Path) -> bool:
    """Whether an Ogg file holds further streams: libsndfile stops at the end of the first."""
    with path.open("rb") as file:
        if file.read(4) != b"OggS":
            return False
        tail = b""
        while block := file.read(1 << 20):
            if _STREAM_BEGINS.search(tail + block):
                return True
            tail = block[-6:]
    return False


def unfinished_ogg(path: Path) -> bool:
    """Whether the last page of an Ogg file lacks the end-of-stream flag."""
    with path.open("rb") as file:
        if file.read(4) != b"OggS":
            return False
        file.seek(-min(_LONGEST_PAGE, path.stat().st_size), 2)
        end = file.read()
    page = end.rfind(b"OggS")
    return page < 0 or len(end) < page + 6 or not end[page + 5] & 4


def continues_after_its_count(path: Path) -> bool:
    """Whether an mp3 is longer than its Xing or LAME header states: joined files."""
    with path.open("rb") as file:
        start = file.read(10)
        tag = 0
        if start[:3] == b"ID3":
            tag = 10 + sum(
                (byte & 0x7F) << shift
                for byte, shift in zip(start[6:], (21, 14, 7, 0), strict=True)
            )
        file.seek(tag)
        head = file.read(2_048)
    at = max(head.find(b"Xing"), head.find(b"Info"))
    if at < 0 or len(head) < at + 16:
        return False
    flags = int.from_bytes(head[at + 4 : at + 8], "big")
    if not flags & 2:
        return False
    offset = at + 8 + 4 * (flags & 1)
    counted = int.from_bytes(head[offset : offset + 4], "big")
    return path.stat().st_size - tag > counted + _MP3_TRAILER


def wav_of_unknown_length(head: bytes) -> bool:
    """Whether a wav header states no length, because its writer could not know it."""
    at = head.find(b"data")
    if head[:4] not in (b"RIFF", b"RF64") or at < 0 or len(head) < at + 8:
        return False
    (size,) = struct.unpack_from("<I", head, at + 4)
    return bool(size == 0 or size >= _MARKERS_FROM)
