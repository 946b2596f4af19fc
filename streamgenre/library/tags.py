"""Read artist, album, title, year and genre from the tags of a file.

mutagen supports most formats. If it is not installed or finds no tags, FFmpeg's metadata is used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..audio.files.ffmpeg import metadata
from .remote import open_binary
from .row import Tags

try:
    import mutagen
except ImportError:
    mutagen = None  # type: ignore[assignment]

_YEAR = re.compile(r"(?<!\d)(1[5-9]\d\d|20\d\d)(?!\d)")
_MAX_LENGTH = 1_000  # characters; longer values are not names
_DATES = ("originaldate", "date", "year", "tyer", "tdrc", "wm/year")


def read_tags(path: str) -> Tags:
    """Read the tags of a file. Empty if there are none, or if they cannot be read."""
    return _tags(_with_mutagen(path) or _with_ffmpeg(path))


def _with_mutagen(path: str) -> dict[str, str]:
    if mutagen is None:
        return {}
    try:
        with open_binary(path) as file:
            found: Any = mutagen.File(file, easy=True)
            tags = None if found is None else found.tags
            return {} if tags is None else {str(k).lower(): _text(v) for k, v in tags.items()}
    except Exception:  # mutagen raises many types for damaged tags
        return {}


def _with_ffmpeg(path: str) -> dict[str, str]:
    try:
        with open_binary(path) as file:
            return {name.lower(): text for name, text in metadata(file).items()}
    except Exception:  # decoding reports the error
        return {}


def _text(value: Any) -> str:
    return "; ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _tags(found: Mapping[str, str]) -> Tags:
    def text(*names: str) -> str | None:
        for name in names:
            value = " ".join(found.get(name, "").replace("\0", "; ").split())[:_MAX_LENGTH]
            if value:
                return value.encode("utf-8", "replace").decode()
        return None

    years = (_YEAR.search(found.get(name, "")) for name in _DATES)
    year = next((int(match[1]) for match in years if match), None)
    return Tags(
        artist=text("artist", "albumartist", "album_artist", "author"),
        album=text("album", "wm/albumtitle"),
        title=text("title"),
        year=year,
        tag_genre=text("genre", "wm/genre"),
    )
