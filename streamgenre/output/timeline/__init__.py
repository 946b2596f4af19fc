"""From a recording to its output, one writer for each format.

A writer is called with each recording in turn, and told of those that failed.
"""

from __future__ import annotations

from typing import Protocol, TextIO

from ...audio.files.raw import RawFormat
from ...errors import StreamgenreError
from ...model.model import Model


class Writer(Protocol):
    """Writes one recording after another in a format."""

    def __call__(self, recording: str, hop: float | None, raw: RawFormat | None) -> None:
        """Read, classify and write; raises StreamgenreError where it cannot be."""
        ...

    def failed(self, recording: str, error: StreamgenreError) -> None:
        """Write down, where the format has a place for it, that a recording failed."""
        ...


def writer(form: str, file: TextIO, model: Model) -> Writer:
    """The writer of a format: text, json or jsonl."""
    if form == "json":
        from .json import JsonWriter

        return JsonWriter(file, model)
    if form == "jsonl":
        from .jsonl import JsonlWriter

        return JsonlWriter(file, model)
    from .text import TextWriter

    return TextWriter(file, model)
