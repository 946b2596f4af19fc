"""The layout of a picture of a timeline, independent of the file format.

Coordinates are in pixels from the upper left corner.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...audio.address import Recording
from ...durations import clock
from ...errors import one_line
from ...model.timeline import Timeline
from ...update import Segment
from ..ribbon import segment_text, tick_step
from .graph import Frame, ink_on, layers
from .text import result

WIDTH = 960
_MARGIN = 24
_GRAPH = 200  # height of the stacked probabilities
_STRIP = 26  # height of the segments
_GAP = 6
_TITLE, _TEXT, _SMALL = 20, 13, 12  # sizes of text
_ROW = 22  # height of a row of the legend
_PAPER, _EMPTY, _INK, _QUIET, _LINE = "#ffffff", "#f4f2ec", "#191815", "#625e56", "#d9d5cb"
_CHARACTER = 0.56  # upper estimate of the width of a character relative to the text size
_BOLD = 1.1  # width of bold text relative to regular text
_LABEL_SPACE = 80  # for a label of the time axis


Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True)
class Area:
    """A filled polygon."""

    points: NDArray[np.float64]  # (n, 2)
    fill: str
    name: str


@dataclass(frozen=True)
class Box:
    """A filled rectangle."""

    x: float
    y: float
    width: float
    height: float
    fill: str
    name: str


@dataclass(frozen=True)
class Words:
    """A line of text; `y` is its baseline."""

    x: float
    y: float
    text: str
    size: float
    fill: str
    anchor: Anchor = "start"
    bold: bool = False


Shape = Area | Box | Words


@dataclass(frozen=True)
class Picture:
    """Shapes to draw in this order on a background."""

    title: str
    width: int
    height: int
    background: str
    shapes: tuple[Shape, ...]


def title_of(recording: Recording) -> str:
    """A title for a recording: its name, or the last part of a path."""
    if recording.where in ("-", ""):
        return "Standard input" if recording.where else "Recording"
    return one_line(recording.name if recording.is_stream else Path(recording.name).name)


def picture(recording: Recording, timeline: Timeline) -> Picture:
    """The title, the stream graph, the segments, a time axis and a legend."""
    top = _MARGIN + _TITLE + 18.0
    width = WIDTH - 2.0 * _MARGIN
    frame = Frame(_MARGIN, top, width, _GRAPH, timeline.start, timeline.duration)
    strip = top + _GRAPH + _GAP
    axis = strip + _STRIP + _SMALL + 6
    key = axis + 28
    labels, rows = _legend(timeline, key, _MARGIN + width)
    shapes: list[Shape] = [
        *_heading(recording, timeline, _MARGIN + _TITLE - 3, _MARGIN + width),
        Box(frame.x, top, width, _GRAPH, _EMPTY, "background"),
    ]
    for layer in layers(timeline):
        shapes.append(Area(layer.outline(frame), layer.label.colour, layer.label.display))
    for segment in timeline.segments:
        shapes += _segment(timeline, segment, frame, strip)
    shapes += _axis(frame, axis)
    shapes += labels
    height = round(key + rows * _ROW + _MARGIN - 8)
    return Picture(title_of(recording), WIDTH, height, _PAPER, tuple(shapes))


def _heading(recording: Recording, timeline: Timeline, y: float, right: float) -> Iterator[Shape]:
    """The title, and the result for the whole recording."""
    verdict = f"{clock(timeline.duration)} · {result(timeline, short=True)}"
    room = right - _MARGIN - len(verdict) * _TEXT * _CHARACTER - 2 * _GAP
    title = title_of(recording)
    most = int(room / (_TITLE * _CHARACTER * _BOLD))
    if len(title) > most:
        title = title[: most - 1] + "…"
    yield Words(_MARGIN, y, title, _TITLE, _INK, bold=True)
    yield Words(right, y, verdict, _TEXT, _QUIET, "end")


def _segment(timeline: Timeline, segment: Segment, frame: Frame, top: float) -> Iterator[Shape]:
    """A box in the colour of the genre, or a line without a genre, with the name if it fits."""
    text = segment_text(timeline.card, segment)
    left = frame.across(segment.start)
    width = max(1.0, frame.across(segment.end) - left - 1)  # a pixel between neighbours
    if segment.genre is None:
        yield Box(left, top + _STRIP - 2, width, 2, _LINE, text)
        ink = _QUIET
    else:
        colour = next(x.colour for x in timeline.card.labels if x.name == segment.genre)
        yield Box(left, top, width, _STRIP, colour, text)
        ink = ink_on(colour)
    if len(text) * _TEXT * _CHARACTER + 10 <= width:
        yield Words(left + 6, top + _STRIP / 2 + 4.5, text, _TEXT, ink)


def _axis(frame: Frame, y: float) -> Iterator[Shape]:
    """The time axis below the segments, with as many labels as fit."""
    span = frame.end - frame.start
    step = tick_step(span, frame.width / _LABEL_SPACE)
    for i in range(int(span / step) + 1):
        x = frame.across(frame.start + i * step)
        anchor: Anchor = "middle" if i else "start"
        if i and x > frame.x + frame.width - _LABEL_SPACE / 4:
            anchor = "end"
        yield Words(x, y, clock(frame.start + i * step), _SMALL, _QUIET, anchor)


def _legend(timeline: Timeline, top: float, right: float) -> tuple[list[Shape], int]:
    """The decided genres with their colours, and the number of rows after the first."""
    decided = {segment.genre for segment in timeline.segments}
    shapes: list[Shape] = []
    x, row = float(_MARGIN), 0
    for label in timeline.card.labels:
        if label.name not in decided:
            continue
        text = one_line(label.display)
        width = 18 + len(text) * _TEXT * _CHARACTER + 14
        if x + width > right and x > _MARGIN:
            x, row = float(_MARGIN), row + 1
        y = top + row * _ROW
        shapes.append(Box(x, y - 10, 12, 12, label.colour, text))
        shapes.append(Words(x + 18, y, text, _TEXT, _INK))
        x += width
    return shapes, row
