"""What stations played over days and weeks, from their log: hours of the week, and outages.

A line of the log holds until the next one of its station. If that comes much later than lines
usually do, nobody listened meanwhile: the log ended without a last line, as in a power cut.
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
_HOLDS, _LEAST_HOLDS = 1.5, 90.0  # times the usual time between lines; s
_USUAL = 0.99  # quantile


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which a station could not be heard."""

    start: datetime
    seconds: float
    error: str


@dataclass(slots=True)
class StationHistory:
    """What one station played."""

    name: str
    url: str
    hours: dict[tuple[int, int], dict[str, float]] = field(default_factory=dict)
    """(weekday from Monday, hour of local time) -> genre or status -> seconds."""
    outages: list[Outage] = field(default_factory=list)

    @property
    def seconds(self) -> dict[str, float]:
        """Genre or status -> seconds, over the whole time, the longest first."""
        total: dict[str, float] = {}
        for parts in self.hours.values():
            for decision, seconds in parts.items():
                total[decision] = total.get(decision, 0.0) + seconds
        return dict(sorted(total.items(), key=lambda item: -item[1]))

    @property
    def shares(self) -> dict[str, float]:
        """Genre or status -> share of the time with sound, the largest first."""
        sound = {name: seconds for name, seconds in self.seconds.items() if name != GAP}
        total = sum(sound.values())
        return {name: seconds / total for name, seconds in sound.items()} if total else {}

    @property
    def availability(self) -> float | None:
        """Share of the time without outages; None if nobody listened."""
        total = sum(self.seconds.values())
        down = sum(outage.seconds for outage in self.outages)
        return max(0.0, 1 - down / total) if total else None


@dataclass(frozen=True, slots=True)
class RadioHistory:
    """What all stations of a log played."""

    stations: tuple[StationHistory, ...]
    start: datetime
    """Local time of the first line."""
    end: datetime
    damaged: int
    """Lines that could not be read."""


class _Lines:
    """The lines of a station, compactly: a log of weeks has millions."""

    def __init__(self) -> None:
        self.times = array("d")
        self.decisions = array("l")  # numbers of _Names
        self.errors = array("l")


class _Names:
    """Texts by number."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        if text not in self._numbers:
            self._numbers[text] = len(self.texts)
            self.texts.append(text)
        return self._numbers[text]


def history(entries: Iterable[Entry | None], zone: tzinfo | None = None) -> RadioHistory | None:
    """The history in a log; None if there is no line.

    `entries`: see read_log. `zone`: the time zone of hours and weekdays; None: the system's.
    """
    names, lines, damaged = _Names(), {}, 0  # type: _Names, dict[tuple[str, str], _Lines], int
    for entry in entries:
        if entry is None:
            damaged += 1
            continue
        of = lines.setdefault((entry.station, entry.url), _Lines())
        of.times.append(entry.clock.timestamp())
        of.decisions.append(names.number(entry.reading.genre or entry.reading.status))
        of.errors.append(names.number(entry.reading.error or ""))
    if not lines:
        return None
    holds = _holding(lines.values(), names)
    stations = tuple(
        _station(name, url, _spans(of, names, holds), zone) for (name, url), of in lines.items()
    )
    first = min(min(of.times) for of in lines.values())
    last = max(max(of.times) for of in lines.values())
    return RadioHistory(stations, _local(first, zone), _local(last, zone), damaged)


def _local(time: float, zone: tzinfo | None) -> datetime:
    return datetime.fromtimestamp(time, zone).astimezone(zone)


def _holding(lines: Iterable[_Lines], names: _Names) -> float:
    """Seconds that a line holds at most."""
    paused = names.number(PAUSED)
    apart = sorted(
        second - first
        for of in lines
        for (first, second), decision in zip(pairwise(of.times), of.decisions, strict=False)
        if decision != paused
    )
    usual = apart[math.ceil(_USUAL * len(apart)) - 1] if apart else 0.0
    return max(_LEAST_HOLDS, _HOLDS * usual)


@dataclass(slots=True)
class _Span:
    """A time with one decision; s since the epoch."""

    start: float
    end: float
    decision: str
    error: str


def _spans(lines: _Lines, names: _Names, holds: float) -> Iterator[_Span]:
    """What is known of a station, in the order of time, neighbours of one decision joined."""
    order = sorted(range(len(lines.times)), key=lines.times.__getitem__)
    present: _Span | None = None
    for i, number in enumerate(order):
        start = lines.times[number]
        following = lines.times[order[i + 1]] if i + 1 < len(order) else start
        end = min(following, start + holds)
        decision = names.texts[lines.decisions[number]]
        error = names.texts[lines.errors[number]]
        if present and present.decision == decision and present.end == start:
            present.end, present.error = end, error or present.error
            continue
        if present:
            yield present
        present = _Span(start, end, decision, error)
    if present:
        yield present


def _station(name: str, url: str, spans: Iterable[_Span], zone: tzinfo | None) -> StationHistory:
    found = StationHistory(name, url)
    for span in spans:
        if span.decision == PAUSED:
            continue
        if span.decision == GAP:
            if not span.error:  # it was just being connected to
                continue
            start = _local(span.start, zone)
            found.outages.append(Outage(start, span.end - span.start, span.error))
        at = span.start
        while at < span.end:
            local = _local(at, zone)
            over = local.minute * 60 + local.second + local.microsecond / 1e6
            end = min(span.end, at + max(3600 - over, 1e-3))
            parts = found.hours.setdefault((local.weekday(), local.hour), {})
            parts[span.decision] = parts.get(span.decision, 0.0) + end - at
            at = end
    return found
