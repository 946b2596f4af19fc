"""JSON lines: one update per line, written as soon as it is computed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from ...audio.address import Recording
from ...audio.files.raw import RawFormat
from ...errors import StreamgenreError
from ...model.merge import Decision, Merger
from ...model.model import Model
from ..destination import Destination
from .json import dumps, failure, utc
from .reading import Options, opened


class JsonlWriter:
    """A Writer of JSON lines."""

    def __init__(self, to: Destination, model: Model, options: Options) -> None:
        self._to, self._model, self._options = to, model, options

    def __call__(self, recording: Recording, hop: float | None, raw: RawFormat | None) -> None:
        merger = Merger(self._options.min_segment)
        waiting: deque[dict[str, Any]] = deque()

        def write(decisions: Iterable[Decision]) -> None:
            for status, genre in decisions:
                line = waiting.popleft() | {"status": status, "genre": genre}
                self._to.file.write(dumps(line) + "\n")
            self._to.file.flush()

        with opened(recording, raw, self._options.reconnect) as source:
            last = 0.0
            try:
                for update in self._model.follow(source, hop):
                    entries: dict[str, Any] = {"file": recording.name, "time": 0.0}
                    if recording.is_url:
                        entries["clock"] = utc(datetime.now(UTC))
                    waiting.append(entries | update.to_dict())
                    write(merger.add((update.status, update.genre), update.time - last))
                    last = update.time
            finally:
                write(merger.finish())

    def failed(self, recording: Recording, error: StreamgenreError) -> None:
        """Write a line with the error, after the updates so far."""
        self._to.file.write(failure(recording.name, error))
        self._to.finished()

    def close(self) -> None:
        """Do nothing, since everything is written."""
