"""Playlists: M3U, M3U8 and PLS, as radio stations and players write them.

M3U has one path or URL per line; PLS is an INI file with entries File1, File2, ... A playlist in
HTTP Live Streaming (#EXT-X- tags) lists parts of one recording, and is not split.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urljoin

from ...errors import InputError
from ...files import exists
from ..address import scheme, shown

_ENTRY = re.compile(r"^\s*File(\d+)\s*=\s*(.+?)\s*$", re.IGNORECASE | re.MULTILINE)
_TITLE = re.compile(r"^\s*Title(\d+)\s*=\s*(.+?)\s*$", re.IGNORECASE | re.MULTILINE)
# The title follows a comma; so do parts of attributes, in quotation marks.
_EXTINF = re.compile(r'#EXTINF:[^,"]*(?:"[^"]*"[^,"]*)*,\s*(.+)', re.IGNORECASE)


class Entry(NamedTuple):
    """An entry of a playlist: a path or URL, and its title, possibly empty."""

    where: str
    title: str


class PlaylistError(InputError):
    """A recording that is a list of others, `listed`; `entries` are their paths or URLs.

    `remote`: the list is from the network or a pipe; its entries may not open local files.
    """

    def __init__(self, name: str, listed: tuple[Entry, ...], remote: bool) -> None:
        entries = tuple(entry.where for entry in listed)
        first = shown(entries[0])
        super().__init__(
            f"{name}: is a playlist of {len(entries)} recordings; give one of them, such as {first}"
        )
        self.listed, self.entries, self.remote = listed, entries, remote


def entries_of(data: bytes, base: str | Path | None, name: str) -> tuple[Entry, ...] | None:
    """The entries of a playlist; None if the data is not one.

    `data`: the file or its beginning. `base`: URL or folder that relative entries refer to; None:
    unknown, and they stay as they are. `name`: the name of the file, for M3U without a header.
    """
    text = _text(data)
    if text is None or "#EXT-X-" in text:
        return None
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line]
    if lines and lines[0].lower() == "[playlist]":
        titles = dict(_TITLE.findall(text))
        pairs = [(where, titles.get(number, "")) for number, where in _ENTRY.findall(text)]
    else:
        listed = [line for line in lines if not line.startswith("#")]
        named = name.lower().split("?")[0].endswith((".m3u", ".m3u8"))
        addresses = bool(listed) and all(scheme(line) for line in listed)
        if not (named or addresses or lines[:1] == ["#EXTM3U"]):
            return None
        pairs = list(_titled(lines))
    return tuple(Entry(_absolute(where, base), title) for where, title in pairs)


def _titled(lines: list[str]) -> Iterator[tuple[str, str]]:
    """The entries of an M3U list, with what the comment before each says."""
    title = ""
    for line in lines:
        if not line.startswith("#"):
            yield line, title
            title = ""
        elif match := _EXTINF.match(line):
            title = match[1]


def is_hls(data: bytes) -> bool:
    """Whether the data begins a playlist of HTTP Live Streaming."""
    text = _text(data)
    return text is not None and text.lstrip().startswith("#EXTM3U") and "#EXT-X-" in text


def _text(data: bytes) -> str | None:
    """The data as text; None for binary data."""
    if b"\0" in data:
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start > len(data) - 4:  # a character cut off at the end
            return data[: error.start].decode("utf-8-sig")
        binary = max(data[:512], default=0) == 0xFF and not data.startswith(b"#EXTM3U")
        return None if binary else data.decode("latin-1")


def _absolute(entry: str, base: str | Path | None) -> str:
    if isinstance(base, Path) and not scheme(entry):
        # Players on Windows write back slashes.
        paths = [base / name for text in _names(entry) for name in (text, text.replace("\\", "/"))]
        return str(next((path for path in paths if exists(path)), paths[1]))
    if isinstance(base, str) and scheme(entry) != "icy":
        with suppress(ValueError):  # not an address; refused when it is opened
            return urljoin(base, entry)
    return entry


def _names(entry: str) -> Iterator[str]:
    """File names that an entry may stand for: its text, and its bytes if it is not UTF-8."""
    yield os.fsdecode(entry.encode("utf-8", "surrogateescape"))
    with suppress(UnicodeError):  # as `_text` decodes them
        yield os.fsdecode(entry.encode("latin-1"))


def check_entry(entry: str) -> None:
    """Raise InputError if an entry of a playlist from the network may not be opened."""
    if scheme(entry) not in ("http", "https", "icy"):
        raise InputError(
            f"{shown(entry)}: a playlist from the network may list only http and https addresses"
        )
