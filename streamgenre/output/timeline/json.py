"""JSON: one object for each file, on one line, updates written one by one."""

from __future__ import annotations

import json
from typing import Any, TextIO

from ...audio.files.raw import RawFormat
from ...errors import StreamgenreError
from ...model.model import Model
from ...timeline import SCHEMA, Timeline, model_to_dict, update_to_dict
from .reading import opened, progress


def dumps(value: Any) -> str:
    """JSON on one line, as every machine-readable output here is written."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def write_timeline(file: TextIO, recording: str, timeline: Timeline) -> None:
    """Write everything about a recording on one line."""
    summary = timeline.summary()
    head = {"schema": summary.pop("schema"), "file": recording, **summary}
    # A day of updates as one string would be a hundred times what the timeline keeps.
    file.write(dumps(head)[:-1] + ', "updates": [')
    for i, update in enumerate(timeline.updates):
        file.write((", " if i else "") + dumps(update_to_dict(update)))
    file.write(f'], "model": {dumps(model_to_dict(timeline.card))}}}\n')


class JsonWriter:
    """See writers.Writer."""

    def __init__(self, file: TextIO, model: Model) -> None:
        self._file, self._model = file, model

    def __call__(self, recording: str, hop: float | None, raw: RawFormat | None) -> None:
        """See writers.Writer."""
        with opened(recording, raw) as source, progress(source) as heard:
            timeline = self._model.timeline(source, hop, heard)
        write_timeline(self._file, recording, timeline)
        self._file.flush()

    def failed(self, recording: str, error: StreamgenreError) -> None:
        """A row for the failed file, in place of its result."""
        self._file.write(failure(recording, error))
        self._file.flush()


def failure(recording: str, error: StreamgenreError) -> str:
    """The line for a file that failed."""
    return dumps({"schema": SCHEMA, "file": recording, "error": str(error)}) + "\n"
