"""The length stated in an mp3, from the Xing, Info or LAME frame at its start."""

from __future__ import annotations

from .byteio import ByteFile

_RATES = (44_100, 48_000, 32_000)  # MPEG 1; halved in MPEG 2, and again in MPEG 2.5
_MOST = 1 << 24  # bytes of a tag in front
_HEAD = 4_096


def stated_seconds(file: ByteFile) -> float | None:
    """The stated duration, or None. Does not change the position of the file."""
    tag = file.peek(10)
    size = 0
    if tag[:3] == b"ID3" and len(tag) == 10:
        size = 10 + sum((byte & 0x7F) << s for byte, s in zip(tag[6:], (21, 14, 7, 0), strict=True))
    elif tag[:1] != b"\xff":
        return None
    if size > _MOST or (file.live and size > _HEAD):  # do not wait for a picture from a pipe
        return None
    head = file.peek(size + _HEAD)[size:]
    at = max(head.find(b"Xing"), head.find(b"Info"))
    begin = head.find(b"\xff")
    if not 0 <= begin < at or at - begin > 64 or len(head) < at + 12:
        return None
    version, rate = head[begin + 1] >> 3 & 3, head[begin + 2] >> 2 & 3
    if rate == 3 or version == 1 or not head[at + 7] & 1:
        return None
    frames = int.from_bytes(head[at + 8 : at + 12], "big")
    samples, shift = (1152, 0) if version == 3 else (576, 1 if version == 2 else 2)
    return frames * samples / (_RATES[rate] >> shift) or None
