"""JSON: one object per recording, on one line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, TextIO

from ...audio.address import Recording
from ...errors import StreamgenreError
from ...model.timeline import SCHEMA, Timeline, model_to_dict
from .whole import WholeWriter


def dumps(value: Any) -> str:
    """The value as JSON on one line, the form of all machine-readable output."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def write(file: TextIO, recording: Recording, timeline: Timeline) -> None:
    """Write the timeline of a recording as one line."""
    summary = timeline.summary()
    head = {"schema": summary.pop("schema"), "file": recording.name, **summary}
    # One at a time, since a day of updates as text is a hundred times larger than in the timeline.
    file.write(dumps(head)[:-1] + ', "updates": [')
    for i, update in enumerate(timeline.updates):
        file.write((", " if i else "") + dumps(update.to_dict()))
    file.write(f'], "model": {dumps(model_to_dict(timeline.card))}}}\n')


def utc(at: datetime) -> str:
    """A time in UTC in the format of RFC 3339, with milliseconds.

    >>> utc(datetime.fromisoformat("2026-05-01T20:15:03.120+02:00"))
    '2026-05-01T18:15:03.120Z'
    """
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class JsonWriter(WholeWriter):
    """A Writer of JSON, which supports errors."""

    def failed(self, recording: Recording, error: StreamgenreError) -> None:
        """Write an object with the error instead of the result."""
        self._to.file.write(failure(recording.name, error))
        self._to.finished()


def failure(recording: str, error: StreamgenreError) -> str:
    """The line for a recording that failed."""
    return dumps({"schema": SCHEMA, "file": recording, "error": str(error)}) + "\n"
