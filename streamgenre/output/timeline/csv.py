"""CSV (RFC 4180): one row per segment, below one header for all recordings."""

from __future__ import annotations

import csv
from typing import TextIO

from ...audio.address import Recording
from ...model.timeline import Timeline

COLUMNS = ("file", "start", "end", "status", "genre", "confidence")


class CsvTable:
    """Writes the header once, then the rows of each recording."""

    def __init__(self) -> None:
        self._begun = False

    def __call__(self, file: TextIO, recording: Recording, timeline: Timeline) -> None:
        table = csv.writer(file, lineterminator="\n")
        if not self._begun:
            table.writerow(COLUMNS)
        self._begun = True
        for segment in timeline.segments:
            table.writerow(
                (
                    recording.name,
                    round(segment.start, 3),
                    round(segment.end, 3),
                    segment.status,
                    segment.genre or "",
                    round(segment.confidence, 4),
                )
            )
