"""JSON lines: one update per line, written as soon as it is computed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TextIO

from ...audio.files.raw import RawFormat
from ...audio.files.source import is_url
from ...errors import StreamgenreError
from ...model.model import Model
from ...model.timeline import update_to_dict
from .json import dumps, failure, utc
from .reading import opened


class JsonlWriter:
    """A Writer of JSON lines."""

    def __init__(self, file: TextIO, model: Model, reconnect: bool = False) -> None:
        self._file, self._model, self._reconnect = file, model, reconnect

    def __call__(self, recording: str, hop: float | None, raw: RawFormat | None) -> None:
        with opened(recording, raw, self._reconnect) as source:
            for update in self._model.follow(source, hop):
                entries: dict[str, Any] = {"file": recording, "time": 0.0}
                if is_url(recording):
                    entries["clock"] = utc(datetime.now(UTC))
                self._file.write(dumps(entries | update_to_dict(update)) + "\n")
                self._file.flush()

    def failed(self, recording: str, error: StreamgenreError) -> None:
        """Write a line with the error, after the updates so far."""
        self._file.write(failure(recording, error))
        self._file.flush()
