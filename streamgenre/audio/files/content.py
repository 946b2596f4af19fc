"""Identify files that are not audio by their first bytes, and suggest what to use instead."""

from __future__ import annotations

import re
from pathlib import Path

from ...errors import InputError
from .byteio import COPY_AGAIN, ByteFile
from .playlist import PlaylistError, entries_of, is_hls

_HEAD = 1_024
_LONGEST_TEXT = 1 << 20
_INSTEAD = "; use an audio file instead"
EMPTY = f"is empty (0 bytes); {COPY_AGAIN}"
_SIGNATURES = (
    (b"\x89PNG\r\n", "is a picture (PNG), not audio" + _INSTEAD),
    (b"\xff\xd8\xff", "is a picture (JPEG), not audio" + _INSTEAD),
    (b"GIF8", "is a picture (GIF), not audio" + _INSTEAD),
    (b"BM", "is a picture (BMP), not audio" + _INSTEAD),
    (b"II*\0", "is a picture (TIFF), not audio" + _INSTEAD),
    (b"MM\0*", "is a picture (TIFF), not audio" + _INSTEAD),
    (b"%PDF", "is a PDF document, not audio" + _INSTEAD),
    (b"PK\x03\x04", "is a ZIP archive; unpack it and pass the audio files in it"),
    (b"Rar!", "is a RAR archive; unpack it and pass the audio files in it"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive; unpack it and pass the audio files in it"),
    (b"\x1f\x8b", "is compressed (gzip); unpack it first"),
    (b"MThd", "is MIDI, which has notes but no sound; render it to audio first"),
)
_LIST = re.compile(rb"<(playlist|asx|smil)\b", re.I)
_PAGE = re.compile(rb"<(!doctype html|html|head|body)\b", re.I)
_PRINTABLE = re.compile(rb"[\t\n\r\x20-\x7e\x80-\xff]*")


def description(head: bytes) -> str | None:
    """The kind of data and a remedy, or None if the kind is unknown.

    `head`: the first bytes of the data.
    """
    for signature, words in _SIGNATURES:
        if head.startswith(signature):
            return words
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "is a picture (WebP), not audio" + _INSTEAD
    if _LIST.search(head[:_HEAD]):
        return "is a playlist in XML; pass the addresses or files that it lists"
    if _PAGE.search(head[:_HEAD]):
        return (
            "is a web page, not audio; pass the address of the stream itself, which the player on "
            "the page uses"
        )
    if _is_text(head[:_HEAD]) and head[:_HEAD].isascii():
        return "is text, not audio" + _INSTEAD
    return None


def beginning(file: ByteFile) -> bytes:
    """Peek at the first bytes of a file, or at the whole file if it is text."""
    head = file.peek(_HEAD)
    return file.peek(_LONGEST_TEXT) if _is_text(head) else head


def _is_text(head: bytes) -> bool:
    return bool(head) and _PRINTABLE.fullmatch(head) is not None


def explained(error: InputError, head: bytes, name: str, base: str | Path | None) -> InputError:
    """A more specific error for data that cannot be decoded, if the kind of data is known.

    Args:
        error: the error of the decoder.
        head: result of `beginning`.
        name: the name of the file in messages.
        base: the URL or folder that entries of a playlist refer to; None for a pipe.
    """
    if not head:
        return InputError(f"{name}: {EMPTY}")
    if is_hls(head):
        return InputError(
            f"{name}: is a playlist of a live stream (HLS); pass its http or https address"
        )
    entries = entries_of(head, base, name)
    if entries and base is None:
        return InputError(f"{name}: is a playlist; pass its name or address")
    if entries:
        return PlaylistError(name, entries, remote=isinstance(base, str))
    if entries is not None:
        return InputError(f"{name}: is a playlist without entries; pass the files themselves")
    known = description(head)
    return InputError(f"{name}: {known}") if known else error
