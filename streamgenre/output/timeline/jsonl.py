"""JSON lines: one update per line, written as soon as it is computed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ...audio.address import Recording
from ...audio.files.raw import RawFormat
from ...errors import StreamgenreError
from ...model.model import Model
from ..destination import Destination
from .json import dumps, failure, utc
from .reading import Run, opened


class JsonlWriter:
    """A Writer of JSON lines."""

    def __init__(self, to: Destination, model: Model, run: Run, reconnect: bool = False) -> None:
        self._to, self._model, self._run, self._reconnect = to, model, run, reconnect

    def __call__(self, recording: Recording, hop: float | None, raw: RawFormat | None) -> None:
        with opened(recording, raw, self._reconnect) as source:
            for update in self._model.follow(source, hop):
                entries: dict[str, Any] = {"file": recording.name, "time": 0.0}
                if recording.is_url:
                    entries["clock"] = utc(datetime.now(UTC))
                self._to.file.write(dumps(entries | update.to_dict()) + "\n")
                self._to.file.flush()

    def close(self) -> None:
        """Do nothing: everything is written."""

    def failed(self, recording: Recording, error: StreamgenreError) -> None:
        """Write a line with the error, after the updates so far."""
        self._to.file.write(failure(recording.name, error))
        self._to.finished()
