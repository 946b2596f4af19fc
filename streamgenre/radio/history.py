"""Summarise a radio log: genres by hour of the week, and outages, for each station.

An entry is valid until the next entry of the same station. If the next entry is much later than
usual, the monitor was not running in between, for example because of a power cut. Such time is
not counted.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from itertools import pairwise

from .log import Entry

GAP, PAUSED = "gap", "paused"
# Maximum validity of an entry: this factor times the usual interval, but at least 90 s.
_VALIDITY_FACTOR, _MIN_VALIDITY = 1.5, 90.0
_USUAL_QUANTILE = 0.99
_MIN_OUTAGE = 1.0  # s; shorter ones come from a monitor that was stopped while reconnecting


@dataclass(frozen=True, slots=True)
class Outage:
    """A period in which no audio was received from a station."""

    start: datetime
    seconds: float
    error: str


@dataclass(slots=True)
class StationHistory:
    """Genres and outages of one station."""

    name: str
    url: str
    hours: dict[tuple[int, int], dict[str, float]] = field(default_factory=dict)
    """(weekday, hour) -> genre or status -> seconds. Local time; Monday is 0."""
    outages: list[Outage] = field(default_factory=list)

    @property
    def seconds(self) -> dict[str, float]:
        """Genre or status -> total seconds, in descending order."""
        total: dict[str, float] = {}
        for parts in self.hours.values():
            for decision, seconds in parts.items():
                total[decision] = total.get(decision, 0.0) + seconds
        return dict(sorted(total.items(), key=lambda item: -item[1]))

    @property
    def shares(self) -> dict[str, float]:
        """Genre or status -> share of the time with audio, in descending order."""
        sound = {name: seconds for name, seconds in self.seconds.items() if name != GAP}
        total = sum(sound.values())
        return {name: seconds / total for name, seconds in sound.items()} if total else {}

    @property
    def availability(self) -> float | None:
        """Share of the monitored time without outages; None if there is no such time."""
        total = sum(self.seconds.values())
        down = sum(outage.seconds for outage in self.outages)
        return max(0.0, 1 - down / total) if total else None


@dataclass(frozen=True, slots=True)
class RadioHistory:
    """The history of all stations in a log."""

    stations: tuple[StationHistory, ...]
    start: datetime
    """Local time of the first entry."""
    end: datetime
    """Local time of the last entry."""
    damaged: int
    """Number of lines that could not be parsed."""


class _Columns:
    """The entries of one station. Arrays save memory: the log of some weeks has millions."""

    def __init__(self) -> None:
        self.times = array("d")  # s since the epoch
        self.decisions = array("l")  # numbers of _Names
        self.errors = array("l")


class _Names:
    """Assigns consecutive numbers to strings."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        if text not in self._numbers:
            self._numbers[text] = len(self.texts)
            self.texts.append(text)
        return self._numbers[text]


def history(entries: Iterable[Entry | None], zone: tzinfo | None = None) -> RadioHistory | None:
    """Compute the history of all stations; None if there are no entries.

    Args:
        entries: see `read_log`; None stands for a damaged line.
        zone: time zone of hours and weekdays; None selects the system's.
    """
    names, damaged = _Names(), 0
    stations: dict[tuple[str, str], _Columns] = {}
    for entry in entries:
        if entry is None:
            damaged += 1
            continue
        columns = stations.setdefault((entry.station, entry.url), _Columns())
        columns.times.append(entry.clock.timestamp())
        columns.decisions.append(names.number(entry.reading.genre or entry.reading.status))
        columns.errors.append(names.number(entry.reading.error or ""))
    if not stations:
        return None
    validity = _validity(stations.values(), names)
    histories = tuple(
        _station(name, url, _spans(columns, names, validity), zone)
        for (name, url), columns in stations.items()
    )
    first = min(min(columns.times) for columns in stations.values())
    last = max(max(columns.times) for columns in stations.values())
    return RadioHistory(histories, _local(first, zone), _local(last, zone), damaged)


def _local(time: float, zone: tzinfo | None) -> datetime:
    return datetime.fromtimestamp(time, zone).astimezone(zone)


def _validity(stations: Iterable[_Columns], names: _Names) -> float:
    """Maximum number of seconds for which an entry is valid."""
    paused = names.number(PAUSED)
    intervals = sorted(
        second - first
        for one in stations
        for (first, second), decision in zip(pairwise(one.times), one.decisions, strict=False)
        if decision != paused
    )
    usual = intervals[math.ceil(_USUAL_QUANTILE * len(intervals)) - 1] if intervals else 0.0
    return max(_MIN_VALIDITY, _VALIDITY_FACTOR * usual)


@dataclass(slots=True)
class _Span:
    """A period with one decision. Times in seconds since the epoch."""

    start: float
    end: float
    decision: str
    error: str


def _spans(columns: _Columns, names: _Names, validity: float) -> Iterator[_Span]:
    """Yield the spans of a station in temporal order; adjacent equal decisions are merged."""
    order = sorted(range(len(columns.times)), key=columns.times.__getitem__)
    current: _Span | None = None
    for i, number in enumerate(order):
        start = columns.times[number]
        following = columns.times[order[i + 1]] if i + 1 < len(order) else start
        end = min(following, start + validity)
        decision = names.texts[columns.decisions[number]]
        error = names.texts[columns.errors[number]]
        if current and current.decision == decision and current.end == start:
            current.end, current.error = end, error or current.error
            continue
        if current:
            yield current
        current = _Span(start, end, decision, error)
    if current:
        yield current


def _station(name: str, url: str, spans: Iterable[_Span], zone: tzinfo | None) -> StationHistory:
    station = StationHistory(name, url)
    for span in spans:
        if span.decision == PAUSED:
            continue
        if span.decision == GAP:
            if not span.error:  # the connection was being established
                continue
            if span.end - span.start >= _MIN_OUTAGE:
                start = _local(span.start, zone)
                station.outages.append(Outage(start, span.end - span.start, span.error))
        at = span.start
        while at < span.end:  # split at full hours
            local = _local(at, zone)
            past_hour = local.minute * 60 + local.second + local.microsecond / 1e6
            end = min(span.end, at + max(3600 - past_hour, 1e-3))
            parts = station.hours.setdefault((local.weekday(), local.hour), {})
            parts[span.decision] = parts.get(span.decision, 0.0) + end - at
            at = end
    return station
