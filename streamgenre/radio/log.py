"""The log of radio stations: JSON lines, one for each change and one at regular intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from ..errors import InputError, reason
from ..output.timeline.json import dumps, utc
from ..parse import parse_json
from ..update import Status

SCHEMA = 1
RadioStatus = Status | Literal["paused"]
_STATUSES = {*get_args(Status), "paused"}
_MAX_LINE = 1 << 20  # characters
_YEARS = 1970, 9998  # times outside of them exist in some time zones and systems only


@dataclass(frozen=True, slots=True)
class Reading:
    """The state of a station at one time."""

    status: RadioStatus = "gap"
    """"gap": no audio is received; "paused": the schedule has no connection to it."""
    genre: str | None = None
    """The decided label; None unless status is "genre"."""
    confidence: float | None = None
    """Smoothed probability of the genre, or of the most probable label without one. None during
    gaps and pauses."""
    probabilities: Mapping[str, float] = field(default_factory=dict)
    """Label -> smoothed probability; empty during gaps and pauses."""
    title: str | None = None
    """The title sent by the station (ICY)."""
    error: str | None = None
    """Why no audio is received."""

    def differs(self, other: Reading) -> bool:
        """Whether status, genre, title or error differ."""
        return (self.status, self.genre, self.title, self.error) != (
            other.status,
            other.genre,
            other.title,
            other.error,
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log."""

    clock: datetime
    """Timezone-aware."""
    station: str
    """Name of the station."""
    url: str
    """Address without user name and password."""
    reading: Reading

    def to_json(self) -> str:
        """The entry as JSON, without a newline."""
        reading = self.reading
        confidence = None if reading.confidence is None else round(reading.confidence, 4)
        return dumps(
            {
                "schema": SCHEMA,
                "clock": utc(self.clock),
                "station": self.station,
                "url": self.url,
                "status": reading.status,
                "genre": reading.genre,
                "confidence": confidence,
                "probabilities": {k: round(v, 4) for k, v in reading.probabilities.items()},
                "title": reading.title,
                "error": reading.error,
            }
        )


def read_log(path: Path) -> Iterator[Entry | None]:
    """Yield the entries of a log in file order, and None for each damaged line.

    Raises InputError if the file cannot be read.
    """
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            while line := file.readline(_MAX_LINE):
                if line.strip():
                    yield _entry(line)
    except OSError as error:
        raise InputError(f"{path}: {reason(error)}; pass a log of streamgenre radio") from None


def _entry(line: str) -> Entry | None:
    try:
        record: dict[str, Any] = parse_json(line)
        if record["schema"] != SCHEMA or record["status"] not in _STATUSES:
            return None
        texts = record["station"], record["url"], record["genre"], record["title"], record["error"]
        if not all(text is None or isinstance(text, str) for text in texts):
            return None
        clock = datetime.fromisoformat(record["clock"]).astimezone(UTC)
        if not _YEARS[0] <= clock.year <= _YEARS[1]:
            return None
        reading = Reading(
            record["status"],
            record["genre"],
            record["confidence"],
            record["probabilities"],
            record["title"],
            record["error"],
        )
        return Entry(clock, str(texts[0]), str(texts[1]), reading)
    except (ValueError, KeyError, TypeError, OverflowError, OSError):
        return None
