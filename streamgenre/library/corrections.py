"""Corrections of genres, kept in a file beside the results of a scan.

The file has the name of the results with `.corrections` behind it. It is text: JSON, one object a
line. The first line names the format, each other one is a correction:

    {"streamgenre": "corrections", "format": 1}
    {"target": "album:Kind of Blue", "genre": "jazz"}
    {"target": "album:Greatest Hits", "artist": "Queen", "genre": "rock"}
    {"target": "glob:*/Christmas/*", "genre": "christmas"}

It can be edited by hand. Where several corrections fit a file, a path counts more than a pattern, a
pattern more than an album, and an album more than an artist; of two patterns, the one further down
counts.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fnmatch import translate
from pathlib import Path

from ..errors import ConfigError, InputError, reason
from ..files import replace_bytes
from .names import artists_in, folded
from .row import Row

CORRECTIONS = ".corrections"
"""What the name of the corrections has behind the name of the results."""
KINDS = ("path", "glob", "album", "artist")
"""What a target can be, those that count more first."""
LONGEST = 200
"""Characters of a genre at most."""
_HEADER = {"streamgenre": "corrections", "format": 1}


@dataclass(frozen=True, slots=True)
class Target:
    """The files that a correction is for."""

    kind: str
    """One of KINDS."""
    name: str
    """A path of a file or folder, a pattern of paths, a title, or a name."""
    artist: str | None = None
    """Of an album: the artist whose album of this title is meant; None means any."""

    @classmethod
    def parse(cls, text: str, artist: str | None = None) -> Target:
        """The target in a text such as "album:Kind of Blue"; raises ConfigError."""
        kind, _, name = text.partition(":")
        if kind not in KINDS or not name.strip():
            raise ConfigError(
                f"{text!r} is no target; give path:FILE, glob:PATTERN, album:TITLE or artist:NAME"
            )
        if artist is not None and kind != "album":
            raise ConfigError(f"{text!r}: an artist can be added to an album only")
        return cls(kind, name, artist)

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"

    @property
    def key(self) -> tuple[str, str, str]:
        """Equal for targets that mean the same."""
        plain = self.kind == "path"
        return self.kind, self.name if plain else folded(self.name), folded(self.artist or "")

    def test(self) -> Callable[[Row], bool]:
        """A function that says whether a row is meant."""
        if self.kind == "path":
            below = self.name.rstrip("/" + os.sep) + os.sep
            return lambda row: row.path == self.name or row.path.startswith(below)
        if self.kind == "glob":
            return _glob(self.name)
        wanted, by = folded(self.name), folded(self.artist or "")
        if self.kind == "artist":
            return lambda row: wanted in _artists(row)
        return lambda row: folded(row.album or "") == wanted and (not by or by in _artists(row))


def _artists(row: Row) -> list[str]:
    """The text of the tag, and each artist in it."""
    text = row.artist or ""
    return [folded(text), *map(folded, artists_in(text))]


def _glob(pattern: str) -> Callable[[Row], bool]:
    """As the patterns of a scan: without a slash for the name, with one for the end of the path."""
    fits = re.compile(translate(pattern.lower())).fullmatch
    if "/" not in pattern:
        return lambda row: fits(_slashed(row).rpartition("/")[2]) is not None
    anywhere = re.compile(translate("*/" + pattern.lower())).fullmatch
    return lambda row: any(each(_slashed(row)) is not None for each in (fits, anywhere))


def _slashed(row: Row) -> str:
    return row.path.lower().replace(os.sep, "/")


@dataclass(frozen=True, slots=True)
class Correction:
    """A genre for some files."""

    target: Target
    genre: str


class Corrections:
    """The corrections of one table of results, in the order in which they were given."""

    def __init__(self, corrections: Iterable[Correction] = ()) -> None:
        self._all = tuple(corrections)
        # A path of a folder is longer, and so counts more, than that of a folder above it.
        ranked = sorted(
            enumerate(self._all),
            key=lambda item: (
                KINDS.index(item[1].target.kind),
                -len(item[1].target.name) if item[1].target.kind == "path" else 0,
                item[1].target.artist is None,
                -item[0],
            ),
        )
        self._ranked = [(one.target.test(), one.genre) for _, one in ranked]

    def __iter__(self) -> Iterator[Correction]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def genre_of(self, row: Row) -> str | None:
        """The corrected genre of a row; None if no correction is for it."""
        return next((genre for meant, genre in self._ranked if meant(row)), None)

    def applied(self, row: Row) -> Row:
        """The row with its correction in `corrected`."""
        genre = self.genre_of(row)
        return row if genre == row.corrected else replace(row, corrected=genre)

    def with_one(self, correction: Correction) -> Corrections:
        """These and one more, which replaces that of the same target."""
        return Corrections((*self.without(correction.target), correction))

    def without(self, target: Target) -> Corrections:
        """These without that of a target."""
        return Corrections(one for one in self._all if one.target.key != target.key)


def corrections_path(results: str | os.PathLike[str]) -> Path:
    """Where the corrections of a file of results are."""
    return Path(os.fspath(results) + CORRECTIONS)


def read_corrections(results: str | os.PathLike[str]) -> Corrections | None:
    """The corrections of a file of results; None if there is no such file.

    Raises InputError, which names the line, if it cannot be read.
    """
    path = corrections_path(results)
    try:
        lines = path.read_text("utf-8-sig").split("\n")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {reason(error)}") from None
    found: list[Correction] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            if number == 1 and record == _HEADER:
                continue
            found.append(_correction(record))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise InputError(
                f"{path}: line {number} is no correction such as "
                '{"target": "album:TITLE", "genre": "jazz"}; correct the line or remove it'
            ) from None
    return Corrections(found)


def _correction(record: dict[str, str]) -> Correction:
    target, artist, genre = record["target"], record.get("artist"), record["genre"]
    if not all(isinstance(text, str) and text.strip() for text in (target, genre, artist or "-")):
        raise ValueError
    return Correction(Target.parse(target, artist), genre)


def write_corrections(results: str | os.PathLike[str], corrections: Corrections) -> None:
    """Replace the corrections of a file of results, atomically. Raises OutputError."""
    records = [_HEADER, *map(_record, corrections)]
    lines = [json.dumps(record, ensure_ascii=False) + "\n" for record in records]
    data = "".join(lines).encode("utf-8", "backslashreplace")
    replace_bytes(corrections_path(results), data)


def _record(correction: Correction) -> dict[str, str]:
    target = correction.target
    artist = {} if target.artist is None else {"artist": target.artist}
    return {"target": str(target), **artist, "genre": correction.genre}
