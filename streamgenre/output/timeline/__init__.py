"""Write the timeline of each recording in a format: one writer, in its own module, per format.

To add a format, write a class with the interface of `Writer` and name it in `writer`.
"""

from __future__ import annotations

from typing import Protocol

from ...audio.address import Recording
from ...audio.files.raw import RawFormat
from ...errors import StreamgenreError
from ...model.model import Model
from ..destination import Destination
from .reading import Run


class Writer(Protocol):
    """Writes one recording after another in a format."""

    def __call__(self, recording: Recording, hop: float | None, raw: RawFormat | None) -> None:
        """Read, classify and write a recording; raises StreamgenreError if that fails."""
        ...

    def failed(self, recording: Recording, error: StreamgenreError) -> None:
        """Record in the output that a recording failed, if the format has a place for it."""
        ...

    def close(self) -> None:
        """Write what follows the last recording."""
        ...


def writer(
    format_name: str,
    destination: Destination,
    model: Model,
    run: Run | None = None,
    reconnect: bool = False,
) -> Writer:
    """The writer for the format "text", "json" or "jsonl".

    `run` counts the recordings of the call, by default one. `reconnect`: see `open_source`.
    """
    run = run or Run()
    if format_name == "json":
        from .json import JsonWriter

        return JsonWriter(destination, model, run, reconnect)
    if format_name == "jsonl":
        from .jsonl import JsonlWriter

        return JsonlWriter(destination, model, run, reconnect)
    from .text import TextWriter

    return TextWriter(destination, model, run, reconnect)
