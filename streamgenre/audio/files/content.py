"""What a file is that holds no audio, from its first bytes, and what to give instead."""

from __future__ import annotations

import re
from pathlib import Path

from ...errors import InputError
from .byteio import ByteFile
from .playlist import PlaylistError, entries_of, is_hls

_HEAD = 1_024
_LONGEST_TEXT = 1 << 20
_SIGNATURES = (
    (b"\x89PNG\r\n", "is a picture (PNG), not audio"),
    (b"\xff\xd8\xff", "is a picture (JPEG), not audio"),
    (b"GIF8", "is a picture (GIF), not audio"),
    (b"BM", "is a picture (BMP), not audio"),
    (b"II*\0", "is a picture (TIFF), not audio"),
    (b"MM\0*", "is a picture (TIFF), not audio"),
    (b"%PDF", "is a PDF document, not audio"),
    (b"PK\x03\x04", "is a ZIP archive; unpack it and give the audio files in it"),
    (b"Rar!", "is a RAR archive; unpack it and give the audio files in it"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive; unpack it and give the audio files in it"),
    (b"\x1f\x8b", "is compressed (gzip); unpack it first"),
    (b"MThd", "is MIDI, which has notes but no sound; render it to audio first"),
)
_LIST = re.compile(rb"<(playlist|asx|smil)\b", re.I)
_PAGE = re.compile(rb"<(!doctype html|html|head|body)\b", re.I)
_PRINTABLE = re.compile(rb"[\t\n\r\x20-\x7e\x80-\xff]*")


def description(head: bytes) -> str | None:
    """What the data is, with a remedy; None if that is unknown. `head`: its first bytes."""
    for signature, words in _SIGNATURES:
        if head.startswith(signature):
            return words
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "is a picture (WebP), not audio"
    if _LIST.search(head[:_HEAD]):
        return "is a playlist in XML; give the addresses or files that it lists"
    if _PAGE.search(head[:_HEAD]):
        return (
            "is a web page, not audio; give the address of the stream itself, which the page's "
            "player uses"
        )
    if _is_text(head[:_HEAD]) and head[:_HEAD].isascii():
        return "is text, not audio"
    return None


def beginning(file: ByteFile) -> bytes:
    """The first bytes of a file, or all of a text; they are still read next."""
    head = file.peek(_HEAD)
    return file.peek(_LONGEST_TEXT) if _is_text(head) else head


def _is_text(head: bytes) -> bool:
    return bool(head) and _PRINTABLE.fullmatch(head) is not None


def explained(error: InputError, head: bytes, name: str, base: str | Path | None) -> InputError:
    """A better error for data that cannot be decoded, if it is known what the data is.

    Args:
        error: the error of the decoder.
        head: what `beginning` gave.
        name: the name of the file in messages.
        base: the URL or folder that entries of a playlist refer to; None for a pipe.
    """
    if not head:
        return InputError(f"{name}: is empty (0 bytes)")
    if is_hls(head):
        return InputError(
            f"{name}: is a playlist of a live stream (HLS); give its http or https address"
        )
    entries = entries_of(head, base, name)
    if entries and base is None:
        return InputError(f"{name}: is a playlist; give it by its name or address")
    if entries:
        return PlaylistError(name, entries, remote=isinstance(base, str))
    if entries is not None:
        return InputError(f"{name}: is a playlist without entries")
    known = description(head)
    return InputError(f"{name}: {known}") if known else error
