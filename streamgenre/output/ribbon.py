"""The genre over time as one coloured line that fits a width, with a time axis under it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich.color import Color
from rich.style import Style
from rich.text import Text

from ..model.card import ModelCard
from ..update import Segment

_AXIS_STEPS = (
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    21_600,
    43_200,
    86_400,
)


def clock(seconds: float, tenths: bool = False) -> str:
    """Seconds as m:ss, or h:mm:ss from an hour on.

    >>> clock(75), clock(3725), clock(12.5, tenths=True)
    ('1:15', '1:02:05', '0:12.5')
    """
    minutes, rest = divmod(round(seconds * 10) if tenths else int(seconds) * 10, 600)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}:{minutes:02}:{rest // 10:02}" if hours else f"{minutes}:{rest // 10:02}"
    return f"{text}.{rest % 10}" if tenths else text


def shown(card: ModelCard, status: str, genre: str | None) -> str:
    """How a decision reads: the genre's display name, or the status."""
    return next((label.display for label in card.labels if label.name == genre), status)


def style(card: ModelCard, genre: str | None, background: bool = False) -> Style:
    """A genre's colour; none for what is no genre."""
    for label in card.labels:
        if label.name == genre:
            if not background:
                return Style(color=label.colour)
            red, green, blue = Color.parse(label.colour).get_truecolor()
            light = 0.3 * red + 0.59 * green + 0.11 * blue > 110
            return Style(color="black" if light else "bright_white", bgcolor=label.colour)
    return Style(dim=True)


def columns(segments: Sequence[Segment], width: int) -> list[Segment]:
    """The segment that fills most of each of `width` equal parts of the time."""
    duration = segments[-1].end
    chosen = []
    first = 0
    for i in range(width):
        begin, end = duration * i / width, duration * (i + 1) / width
        while first < len(segments) - 1 and segments[first].end <= begin:
            first += 1
        best, most = segments[first], -1.0
        for segment in segments[first:]:
            if segment.start >= end:
                break
            overlap = min(end, segment.end) - max(begin, segment.start)
            if overlap > most:
                best, most = segment, overlap
        chosen.append(best)
    return chosen


def ribbon(card: ModelCard, segments: Sequence[Segment], width: int) -> Text:
    """One line of `width` columns; names stand inside, so that it reads without colour too."""
    line = Text(no_wrap=True, overflow="crop")
    key = lambda segment: (segment.status, segment.genre)  # noqa: E731
    for (status, genre), run in groupby(columns(segments, width), key):
        size = len(list(run))
        name = shown(card, status, genre)
        if len(name) + 1 > size:
            name = name[: size - 1]
        line.append(f"|{name}".ljust(size, "-" if genre else "."), style(card, genre, True))
    return line


def axis(duration: float, width: int) -> Text:
    """Times under a ribbon, as many as fit."""
    longest = len(clock(duration)) + 2
    step = next((s for s in _AXIS_STEPS if s / max(duration, 1e-9) * width >= longest), duration)
    line = [" "] * width
    ticks = int(duration / step) if step else 0
    for i in range(ticks + 1):
        label = clock(i * step)
        at = int(i * step / max(duration, 1e-9) * width)
        if at + len(label) <= width:
            line[at : at + len(label)] = label
    return Text("".join(line), style="dim")
