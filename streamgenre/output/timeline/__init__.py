"""Write the timeline of each recording in a format: one writer, in its own module, per format.

To add a format, write a class with the interface of `Writer` and name it in `writer`.
"""

from __future__ import annotations

from typing import Protocol, TextIO

from ...audio.files.raw import RawFormat
from ...errors import StreamgenreError
from ...model.model import Model


class Writer(Protocol):
    """Writes one recording after another in a format."""

    def __call__(self, recording: str, hop: float | None, raw: RawFormat | None) -> None:
        """Read, classify and write a recording; raises StreamgenreError if that fails."""
        ...

    def failed(self, recording: str, error: StreamgenreError) -> None:
        """Record in the output that a recording failed, if the format has a place for it."""
        ...


def writer(format_name: str, file: TextIO, model: Model, reconnect: bool = False) -> Writer:
    """The writer for the format "text", "json" or "jsonl"; `reconnect`: see `open_source`."""
    if format_name == "json":
        from .json import JsonWriter

        return JsonWriter(file, model, reconnect)
    if format_name == "jsonl":
        from .jsonl import JsonlWriter

        return JsonlWriter(file, model, reconnect)
    from .text import TextWriter

    return TextWriter(file, model, reconnect)
