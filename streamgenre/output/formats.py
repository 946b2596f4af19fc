"""The formats for the timeline of a recording, with their names and extensions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigError


@dataclass(frozen=True)
class Format:
    """A format for timelines."""

    name: str
    extension: str
    several: bool = False
    """Whether one file can hold several recordings."""
    by_line: bool = False
    """Whether it is written line by line while a recording is read."""
    binary: bool = False


FORMATS = {
    form.name: form
    for form in (
        Format("text", ".txt", several=True),
        Format("json", ".json", several=True),
        Format("jsonl", ".jsonl", several=True, by_line=True),
        Format("csv", ".csv", several=True),
        Format("audacity", ".txt"),
        Format("srt", ".srt"),
        Format("vtt", ".vtt"),
        Format("html", ".html"),
        Format("png", ".png", binary=True),
        Format("svg", ".svg"),
    )
}

_EXTENSIONS = {".htm": "html"} | {form.extension: form.name for form in FORMATS.values()}
_EXTENSIONS[".txt"] = "text"


def format_of(path: Path) -> Format:
    """The format for the extension of a file; text without an extension.

    Raises ConfigError for an unknown extension.

    >>> format_of(Path("x.VTT")).name, format_of(Path("x")).name
    ('vtt', 'text')
    """
    extension = path.suffix.lower()
    if extension and extension not in _EXTENSIONS:
        known = ", ".join(sorted(_EXTENSIONS))
        raise ConfigError(f"{path}: unknown extension {path.suffix}; use {known}, or add --format")
    return FORMATS[_EXTENSIONS.get(extension, "text")]
