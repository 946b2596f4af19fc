"""JSON lines: one update per line, written as soon as it is computed."""

from __future__ import annotations

from typing import TextIO

from ...audio.files.raw import RawFormat
from ...errors import StreamgenreError
from ...model.model import Model
from ...model.timeline import update_to_dict
from .json import dumps, failure
from .reading import opened


class JsonlWriter:
    """A Writer of JSON lines."""

    def __init__(self, file: TextIO, model: Model) -> None:
        self._file, self._model = file, model

    def __call__(self, recording: str, hop: float | None, raw: RawFormat | None) -> None:
        with opened(recording, raw) as source:
            for update in self._model.follow(source, hop):
                self._file.write(dumps({"file": recording, **update_to_dict(update)}) + "\n")
                self._file.flush()

    def failed(self, recording: str, error: StreamgenreError) -> None:
        """Write a line with the error, after the updates so far."""
        self._file.write(failure(recording, error))
        self._file.flush()
