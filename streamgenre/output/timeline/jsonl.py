"""JSON lines: one update a line, out as soon as it is computed; nothing is kept."""

from __future__ import annotations

from typing import TextIO

from ...audio.files.raw import RawFormat
from ...errors import StreamgenreError
from ...model.model import Model
from ...timeline import update_to_dict
from .json import dumps, failure
from .reading import opened


class JsonlWriter:
    """See writers.Writer."""

    def __init__(self, file: TextIO, model: Model) -> None:
        self._file, self._model = file, model

    def __call__(self, recording: str, hop: float | None, raw: RawFormat | None) -> None:
        """See writers.Writer."""
        with opened(recording, raw) as source:
            for update in self._model.follow(source, hop):
                self._file.write(dumps({"file": recording, **update_to_dict(update)}) + "\n")
                self._file.flush()

    def failed(self, recording: str, error: StreamgenreError) -> None:
        """A line for the failed file, after the updates that it gave."""
        self._file.write(failure(recording, error))
        self._file.flush()
