"""Genre corrections, stored in a file next to the results of a scan.

Its name is that of the results with `.corrections` appended. It contains JSON lines. The first line
identifies the format, and each further line is a correction:

    {"streamgenre": "corrections", "format": 1}
    {"target": "album:Kind of Blue", "genre": "jazz"}
    {"target": "album:Greatest Hits", "artist": "Queen", "genre": "rock"}
    {"target": "glob:*/Christmas/*", "genre": "christmas"}

The file can be edited by hand. If several corrections match a file, a path has precedence over a
pattern, a pattern over an album, and an album over an artist. Later patterns have precedence over
earlier ones.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import translate
from pathlib import Path

from ..errors import ConfigError, InputError, OutputError, reason
from ..files import replace_bytes
from ..parse import parse_json
from .names import artists_in, folded
from .row import Row, separator

CORRECTIONS = ".corrections"
"""Suffix of the corrections file."""
KINDS = ("path", "glob", "album", "artist")
"""Kinds of targets, in order of precedence."""
MAX_GENRE = 200
"""Maximum length of a genre in characters."""
_HEADER = {"streamgenre": "corrections", "format": 1}


@dataclass(frozen=True, slots=True)
class Target:
    """The files to which a correction applies."""

    kind: str
    """One of KINDS."""
    name: str
    """Path of a file or folder, pattern, title of an album, or name of an artist."""
    artist: str | None = None
    """For albums: restricts the target to albums of this artist."""

    @classmethod
    def parse(cls, text: str, artist: str | None = None) -> Target:
        """Parse a text such as "album:Kind of Blue". Raises ConfigError."""
        kind, _, name = text.partition(":")
        if kind not in KINDS or not name.strip():
            raise ConfigError(
                f"invalid target {text!r}; use path:FILE, glob:PATTERN, album:TITLE or artist:NAME"
            )
        if artist is not None and kind != "album":
            raise ConfigError(f"{text!r}: an artist can only be added to an album")
        return cls(kind, name, artist)

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"

    @property
    def key(self) -> tuple[str, str, str]:
        """Equal for equivalent targets."""
        plain = self.kind == "path"
        return self.kind, self.name if plain else folded(self.name), folded(self.artist or "")

    def matcher(self) -> Callable[[Row], bool]:
        """Return a function that tests whether a row matches."""
        if self.kind == "path":
            mark = separator(self.name)
            below = self.name.rstrip("/" + mark) + mark
            return lambda row: row.path == self.name or row.path.startswith(below)
        if self.kind == "glob":
            return _glob(self.name)
        wanted, by = folded(self.name), folded(self.artist or "")
        if self.kind == "artist":
            return lambda row: wanted in _artists(row)
        return lambda row: folded(row.album or "") == wanted and (not by or by in _artists(row))


def _artists(row: Row) -> list[str]:
    """The whole tag, and each artist in it."""
    text = row.artist or ""
    return [folded(text), *map(folded, artists_in(text))]


def _glob(pattern: str) -> Callable[[Row], bool]:
    """Match the end of the path if the pattern has a separator, otherwise the name.

    Both separators of Windows match its paths.
    """
    plain, slashed = (
        _slashed_glob(pattern.lower()),
        _slashed_glob(pattern.lower().replace("\\", "/")),
    )

    def matches(row: Row) -> bool:
        path = row.path.lower()
        if separator(path) == "/":
            return plain(path)
        return slashed(path.replace("\\", "/"))

    return matches


def _slashed_glob(pattern: str) -> Callable[[str], bool]:
    fits = re.compile(translate(pattern)).fullmatch
    if "/" not in pattern:
        return lambda path: fits(path.rpartition("/")[2]) is not None
    anywhere = re.compile(translate("*/" + pattern)).fullmatch
    return lambda path: any(each(path) is not None for each in (fits, anywhere))


@dataclass(frozen=True, slots=True)
class Correction:
    """A genre and the files to which it applies."""

    target: Target
    genre: str


class Corrections:
    """The corrections of one results file, in the order in which they were added."""

    def __init__(self, corrections: Iterable[Correction] = ()) -> None:
        self._all = tuple(corrections)
        # Longer paths come first, so that a folder has precedence over its parent.
        ranked = sorted(
            enumerate(self._all),
            key=lambda item: (
                KINDS.index(item[1].target.kind),
                -len(item[1].target.name) if item[1].target.kind == "path" else 0,
                item[1].target.artist is None,
                -item[0],
            ),
        )
        self._ranked = [(one.target.matcher(), one.genre) for _, one in ranked]

    def __iter__(self) -> Iterator[Correction]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def genre_of(self, row: Row) -> str | None:
        """The corrected genre of a row; None if no correction matches."""
        return next((genre for matches, genre in self._ranked if matches(row)), None)

    def applied(self, row: Row) -> Row:
        """The row with `corrected` set."""
        genre = self.genre_of(row)
        return row if genre == row.corrected else replace(row, corrected=genre)

    def with_correction(self, correction: Correction) -> Corrections:
        """Return a copy with a correction added. It replaces one with the same target."""
        return Corrections((*self.without(correction.target), correction))

    def without(self, target: Target) -> Corrections:
        """Return a copy without the correction of a target."""
        return Corrections(one for one in self._all if one.target.key != target.key)


@contextmanager
def locked_corrections(results: str | os.PathLike[str]) -> Iterator[None]:
    """Keep other processes from changing the corrections or their column in the table.

    They wait. The lock ends with the process, so an empty lock file that stays is harmless.
    Raises OutputError if the folder is not writable.
    """
    from filelock import FileLock

    path = corrections_path(os.path.realpath(results))
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire()
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be locked: {reason(error)}; check the folder and its mode"
        ) from None
    try:
        yield
    finally:
        lock.release()


def corrections_path(results: str | os.PathLike[str]) -> Path:
    """Path of the corrections file of a results file."""
    return Path(os.fspath(results) + CORRECTIONS)


def read_corrections(results: str | os.PathLike[str]) -> Corrections | None:
    """Read the corrections of a results file; None if there is no corrections file.

    Raises InputError with the line number if a line is invalid.
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
            record = parse_json(line)
            if number == 1 and record == _HEADER:
                continue
            found.append(_correction(record))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise InputError(
                f"{path}: line {number} is not a correction such as "
                '{"target": "album:TITLE", "genre": "jazz"}; edit or remove the line'
            ) from None
    return Corrections(found)


def _correction(record: dict[str, str]) -> Correction:
    target, artist, genre = record["target"], record.get("artist"), record["genre"]
    if not all(isinstance(text, str) and text.strip() for text in (target, genre, artist or "-")):
        raise ValueError
    return Correction(Target.parse(target, artist), genre)


def write_corrections(results: str | os.PathLike[str], corrections: Corrections) -> None:
    """Write the corrections of a results file atomically. Raises OutputError.

    To change existing ones, read and write them in a `locked_corrections` block.
    """
    records = [_HEADER, *map(_record, corrections)]
    lines = [json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n" for record in records]
    data = "".join(lines).encode("utf-8", "backslashreplace")
    replace_bytes(corrections_path(results), data)


def _record(correction: Correction) -> dict[str, str]:
    target = correction.target
    artist = {} if target.artist is None else {"artist": target.artist}
    return {"target": str(target), **artist, "genre": correction.genre}
