"""Files of a library and their rows in the results."""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from ..errors import one_line
from ..model.card import ModelCard
from ..update import STATUSES, Segment

PROBABILITY = "probability_"
"""Prefix of the columns with the probability of a label."""
TEXT = (
    "path", "status", "genre", "corrected", "artist", "album", "title", "tag_genre", "error",
    "model",
)  # fmt: skip
WHOLE = ("size", "year")
REAL = ("mtime", "duration", "confidence", "music", "speech")
NESTED = ("styles", "segments")
_LARGEST = 2.0**63  # whole numbers are stored in 64 bits


@dataclass(frozen=True, slots=True)
class LibraryFile:
    """A listed file. Its content counts as changed if its size or time changes."""

    path: str
    """Absolute path; invalid bytes are surrogates (os.fsdecode)."""
    size: int
    modified: int
    """ns since the epoch."""


@dataclass(frozen=True, slots=True)
class Unlisted:
    """A path without a file, or a folder or list that cannot be read."""

    path: str
    error: str
    holds_files: bool = False
    """Whether it is a folder or a list, so that files may be missing."""


@dataclass(frozen=True, slots=True)
class Tags:
    """The tags of a file."""

    artist: str | None = None
    album: str | None = None
    title: str | None = None
    year: int | None = None
    tag_genre: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """The result for one file. If `error` is set, the other results are None or empty."""

    path: str
    """Absolute path in UTF-8; invalid bytes are percent-encoded."""
    size: int | None
    """Bytes; None if the file was not found."""
    mtime: float | None
    """Time of the last change, seconds since the epoch."""
    duration: float | None = None
    """Seconds of audio."""
    status: str | None = None
    """"genre", "unsure" or "no-music"."""
    genre: str | None = None
    """The genre predicted by the model; None unless `status` is "genre"."""
    corrected: str | None = None
    """The genre set with `streamgenre correct`, which overrides the prediction."""
    confidence: float | None = None
    """Probability of the most probable label."""
    probabilities: Mapping[str, float] | None = None
    """Label -> mean probability over the music. A table has one column per label."""
    styles: Mapping[str, float] | None = None
    """Finer labels such as house or punk, not calibrated."""
    music: float | None = None
    """Mean probability of music."""
    speech: float | None = None
    """Mean probability of speech; None if the model has no such output."""
    segments: Sequence[Segment] | None = None
    artist: str | None = None
    album: str | None = None
    title: str | None = None
    year: int | None = None
    tag_genre: str | None = None
    """The genre in the tags of the file."""
    error: str | None = None
    """Why the file has no result."""
    model: str = ""
    """Name, version and abbreviated hash of the model."""

    @property
    def final_genre(self) -> str | None:
        """The corrected genre if there is one, otherwise the predicted genre."""
        return self.genre if self.corrected is None else self.corrected

    @property
    def musical_seconds(self) -> float:
        """Seconds of music: the weight of the row in the verdict of an album or artist."""
        if self.segments is None:
            return (self.duration or 0.0) * (self.music or 0.0)
        musical = (one for one in self.segments if one.status in ("genre", "unsure"))
        return sum(one.end - one.start for one in musical)

    def to_dict(self, labels: Sequence[str]) -> dict[str, Any]:
        """Convert to a dictionary of columns, with `probability_<label>` for each label."""
        record: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "probabilities":
                known = value or {}
                record.update({PROBABILITY + label: known.get(label) for label in labels})
            elif field.name == "segments":
                record["segments"] = None if value is None else [asdict(one) for one in value]
            elif field.name == "styles":
                record["styles"] = None if value is None else dict(value)
            else:
                record[field.name] = value
        return record

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Row:
        """Create a row from a dictionary as returned by `to_dict`. Other keys are ignored.

        Raises ValueError if a value has another type, or if the path is missing.
        """
        values: dict[str, Any] = {}
        probabilities: dict[str, float] = {}
        for name, value in record.items():
            if name.startswith(PROBABILITY):
                if (probability := _number(name, value)) is not None:
                    probabilities[name.removeprefix(PROBABILITY)] = probability
            elif name in _PARSERS:
                values[name] = _PARSERS[name](name, value)
        if values.get("path") is None or values.get("status") not in (None, *STATUSES):
            raise ValueError("path or status")
        values["model"] = values.get("model") or ""
        absent = {"size": None, "mtime": None}
        return cls(**(absent | values), probabilities=probabilities or None)

    @classmethod
    def failed(cls, file: LibraryFile | Unlisted, error: str, model: str) -> Row:
        """Create the row of a file that could not be classified."""
        if isinstance(file, Unlisted):
            return cls(shown_path(file.path), None, None, error=one_line(error), model=model)
        modified = file.modified / 1e9
        return cls(shown_path(file.path), file.size, modified, error=one_line(error), model=model)


_UTF8 = sys.getfilesystemencoding() == "utf-8"
_ESCAPED = re.compile("%([89A-F][0-9A-F])")


def _text(name: str, value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise ValueError(f"{name} is not a text")


def _number(name: str, value: object) -> float | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):  # missing, in pandas
        return None
    if isinstance(value, (int, float)) and abs(value) < _LARGEST:  # also refuses infinity
        return value
    raise ValueError(f"{name} is not a finite number")


def _whole(name: str, value: object) -> int | None:
    number = _number(name, value)
    if number is not None and number != int(number):
        raise ValueError(f"{name} is not a whole number")
    return None if number is None else int(number)


def _styles(name: str, value: object) -> Mapping[str, float] | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} is not an object")
    return {str(style): _number(name, number) or 0.0 for style, number in value.items()}


def _segments(name: str, value: object) -> Sequence[Segment] | None:
    if value is None:
        return None
    if not isinstance(value, (list, tuple)) or not all(isinstance(one, Mapping) for one in value):
        raise ValueError(f"{name} is not a list of objects")
    return tuple(map(_segment, value))


def _segment(record: Mapping[str, object]) -> Segment:
    start, end, confidence = (
        _number(key, record.get(key)) for key in ("start", "end", "confidence")
    )
    status, genre = record.get("status"), _text("genre", record.get("genre"))
    if start is None or end is None or confidence is None or status not in STATUSES:
        raise ValueError("a segment is incomplete")
    return Segment(start, end, status, genre, confidence)


_PARSERS: Mapping[str, Callable[[str, object], Any]] = {
    **dict.fromkeys(TEXT, _text),
    **dict.fromkeys(WHOLE, _whole),
    **dict.fromkeys(REAL, _number),
    "styles": _styles,
    "segments": _segments,
}


def columns(labels: Sequence[str]) -> list[str]:
    """Names of all columns, in order."""
    return [*Row("", None, None).to_dict(labels)]


def shown_path(path: str) -> str:
    r"""Convert a path to valid UTF-8; each invalid byte becomes % and two hexadecimal digits.

    The result does not depend on the locale.

    >>> shown_path("100% \u00fc.mp3"), shown_path("a\udcff.mp3")
    ('100% ü.mp3', 'a%FF.mp3')
    """
    text = path
    if not _UTF8:
        text = os.fsencode(path).decode("utf-8", "surrogateescape")
    try:
        text.encode()
    except UnicodeEncodeError:
        parts = text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
        return "".join(f"%{ord(c) - 0xDC00:02X}" if "\udc80" <= c <= "\udcff" else c for c in parts)
    return text


def separator(path: str) -> str:
    r"""The separator of an absolute path or URL, which may come from another system.

    >>> separator("/music/a.mp3"), separator("s3://bucket/a.mp3")
    ('/', '/')
    >>> separator("C:\\Music\\a.mp3"), separator("\\\\server\\music\\a.mp3")
    ('\\', '\\')
    """
    drive = path[:1].isalpha() and path[1:3] == ":\\"
    return "\\" if drive or path[:2] == "\\\\" else "/"


def split_path(path: str) -> tuple[str, str]:
    r"""Split an absolute path or URL into folder and name. Much faster than pathlib.

    >>> split_path("/a.mp3"), split_path("/b/a.mp3"), split_path("C:\\a.mp3")
    (('/', 'a.mp3'), ('/b', 'a.mp3'), ('C:\\', 'a.mp3'))
    """
    mark = separator(path)
    folder, _, name = path.rpartition(mark)
    if not folder or (folder[-1] == ":" and mark == "\\"):
        folder += mark
    return folder, name


def system_path(shown: str) -> str:
    """Invert `shown_path`. Returns a path as from os.fsdecode.

    A literal % followed by two digits is ambiguous. It is kept if a file of that name exists.
    """
    plain = _from_utf8(shown)
    if os.path.lexists(plain) or not _ESCAPED.search(shown):
        return plain
    decoded = _from_utf8(_ESCAPED.sub(lambda match: chr(0xDC00 + int(match[1], 16)), shown))
    return decoded if os.path.lexists(decoded) else plain


def _from_utf8(text: str) -> str:
    """A path as from os.fsdecode; surrogates stand for bytes that are not UTF-8."""
    return text if _UTF8 else os.fsdecode(text.encode("utf-8", "surrogateescape"))


def model_name(card: ModelCard) -> str:
    """The value of the column `model`."""
    return f"{card.name} {card.version} {card.sha256[:12]}"
