"""Segments as captions, for SRT and WebVTT."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...model.timeline import Timeline
from ..ribbon import segment_text


@dataclass(frozen=True)
class Caption:
    """A caption and its times in milliseconds."""

    start: int
    end: int
    text: str


def captions(timeline: Timeline) -> Iterator[Caption]:
    """One caption per segment: "Jazz 81%", "Unsure", "No music" or "No signal"."""
    for segment in timeline.segments:
        start, end = (round(seconds * 1000) for seconds in (segment.start, segment.end))
        text = segment_text(timeline.card, segment)
        if segment.genre is not None:
            text += f" {segment.confidence:.0%}"
        if end > start:  # players reject captions with zero duration
            yield Caption(start, end, text)


def timestamp(milliseconds: int, point: str) -> str:
    """A time as hh:mm:ss.mmm, with the given decimal point.

    >>> timestamp(3_725_040, ",")
    '01:02:05,040'
    """
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{rest:03}"
