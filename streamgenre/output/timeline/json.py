"""JSON: one object per recording, on one line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, TextIO

from ...audio.files.raw import RawFormat
from ...errors import StreamgenreError
from ...model.model import Model
from ...model.timeline import SCHEMA, Timeline, model_to_dict, update_to_dict
from .reading import opened, progress


def dumps(value: Any) -> str:
    """The value as JSON on one line, the form of all machine-readable output."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def write_timeline(file: TextIO, recording: str, timeline: Timeline) -> None:
    """Write the timeline of a recording as one line."""
    summary = timeline.summary()
    head = {"schema": summary.pop("schema"), "file": recording, **summary}
    # One by one: as a string, a day of updates is a hundred times larger than in the timeline.
    file.write(dumps(head)[:-1] + ', "updates": [')
    for i, update in enumerate(timeline.updates):
        file.write((", " if i else "") + dumps(update_to_dict(update)))
    file.write(f'], "model": {dumps(model_to_dict(timeline.card))}}}\n')


def utc(at: datetime) -> str:
    """A time as RFC 3339 has it, in UTC, to the millisecond.

    >>> utc(datetime.fromisoformat("2026-05-01T20:15:03.120+02:00"))
    '2026-05-01T18:15:03.120Z'
    """
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class JsonWriter:
    """A Writer of JSON."""

    def __init__(self, file: TextIO, model: Model, reconnect: bool = False) -> None:
        self._file, self._model, self._reconnect = file, model, reconnect

    def __call__(self, recording: str, hop: float | None, raw: RawFormat | None) -> None:
        with opened(recording, raw, self._reconnect) as source, progress(source) as show_progress:
            timeline = self._model.timeline(source, hop, show_progress)
        write_timeline(self._file, recording, timeline)
        self._file.flush()

    def failed(self, recording: str, error: StreamgenreError) -> None:
        """Write an object with the error in place of the result."""
        self._file.write(failure(recording, error))
        self._file.flush()


def failure(recording: str, error: StreamgenreError) -> str:
    """The line for a recording that failed."""
    return dumps({"schema": SCHEMA, "file": recording, "error": str(error)}) + "\n"
