"""Formats that are written after a recording has been read completely."""

from __future__ import annotations

from typing import Protocol, TextIO

from ...audio.address import Recording
from ...audio.files.raw import RawFormat
from ...errors import StreamgenreError
from ...model.model import Model
from ...model.timeline import Timeline
from ..destination import Destination
from .reading import Options, opened, progress


class Write(Protocol):
    """Writes the timeline of a recording to a file in a format."""

    def __call__(self, file: TextIO, recording: Recording, timeline: Timeline) -> None: ...


class WholeWriter:
    """A Writer that reads a recording, then writes its timeline with `write`."""

    def __init__(self, to: Destination, model: Model, options: Options, write: Write) -> None:
        self._to, self._model, self._options, self._write = to, model, options, write

    def __call__(self, recording: Recording, hop: float | None, raw: RawFormat | None) -> None:
        with (
            opened(recording, raw, self._options.reconnect) as source,
            progress(source, self._options.run) as show_progress,
        ):
            timeline = self._model.timeline(source, hop, show_progress)
        timeline.min_segment = self._options.min_segment
        self._write(self._to.file, recording, timeline)
        self._to.finished()

    def failed(self, recording: Recording, error: StreamgenreError) -> None:
        """Do nothing, since the error is on standard error."""

    def close(self) -> None:
        """Do nothing, since everything is written."""
