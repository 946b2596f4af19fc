"""The ribbon of the latest minutes, which ends now, with its time axis."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import replace

from rich.cells import cell_len

from ...durations import clock
from ...output.ribbon import columns, label_text, runs, style
from ...update import Segment, Update
from .line import DIM, Line, Span, padded
from .view import View

RIBBON_SECONDS = 600.0
"""The longest time that a frame shows."""

_SPANS = (60.0, 120.0, 300.0, RIBBON_SECONDS)
_TICKS = (5, 10, 15, 30, 60, 120, 300)
_WIDE = 120  # minimum width for ten minutes; narrower displays show five


def span(view: View, width: int) -> float:
    """Seconds that the ribbon covers: the shortest of a few spans that fits the segments.

    The span changes rarely, so that the ribbon scrolls evenly instead of shrinking all the time.
    """
    elapsed = _now(view) - view.segments[0].start if view.segments else 0.0
    spans = _SPANS if width >= _WIDE else _SPANS[:-1]
    return next((seconds for seconds in spans if elapsed <= seconds), spans[-1])


def interval(view: View, width: int) -> tuple[float, float]:
    """Begin and end of the ribbon on the stream's clock.

    It ends on a whole column, so that edges do not jitter.
    """
    step = span(view, width) / width
    end = math.ceil(_now(view) / step - 1e-6) * step
    return end - step * width, end


def band(view: View, width: int, rows: int) -> list[Line]:
    """`rows` lines: one to four of ribbon (names, then confidence), and the axis if rows > 1."""
    if rows < 1 or width < 1:
        return []
    axis = rows > 1
    height = rows - axis
    ink: list[Line] = [[] for _ in range(height)]
    name_row = 1 if height > 2 else 0
    for run in runs(columns(view.segments, width, *interval(view, width))):
        size, decision = len(run), run[0]
        if decision is None:
            for line in ink:
                line.append(Span(" " * size))
            continue
        name = label_text(view.card, decision.status, decision.genre)
        confidence = sum(segment.confidence for segment in run if segment) / size
        colour = style(view.card, decision.genre, background=True)
        texts = {name_row: name, name_row + 1: f"{confidence:.0%}" if decision.genre else ""}
        for row, line in enumerate(ink):
            text = texts.get(row, "")
            if row > name_row and cell_len(text) >= size:
                text = ""  # a truncated number would be wrong
            fill = " " if decision.genre else "·"
            line.append(Span(_cell(text, size, fill), colour))
    return [*ink, _axis(view, width)] if axis else ink


def _cell(text: str, size: int, fill: str) -> str:
    """An edge, followed by as much of the text as fits."""
    inside = padded(text, size - 1) if cell_len(text) > size - 1 else text
    return f"▏{inside}" + fill * (size - 1 - cell_len(inside))


def _axis(view: View, width: int) -> Line:
    """Times before now, each tick at its column."""
    seconds = span(view, width)
    longest = len(clock(seconds)) + 8  # with space between two labels
    step = next((tick for tick in _TICKS if tick / seconds * width >= longest), seconds)
    line = [" "] * width
    last = "now▕"
    age = step
    while age <= seconds:
        at = width - round(age / seconds * width)
        label = f"▏-{clock(age)}"
        if at + len(label) + len(last) < width:
            line[at : at + len(label)] = label
        age += step
    if len(last) <= width:
        line[-len(last) :] = last
    return [Span("".join(line), DIM)]


def _now(view: View) -> float:
    """The current time on the stream's clock."""
    now = view.update.time if view.update is not None else 0.0
    return max(now, view.segments[-1].end) if view.segments else now


class Recent:
    """Segments of about the last `seconds`, kept up to date with each update."""

    _MOST = 2_000  # bounds memory if decisions change at each update

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._segments: deque[Segment] = deque(maxlen=self._MOST)
        self._end = 0.0

    def append(self, update: Update) -> None:
        """Add the next update."""
        begin, self._end = self._end, update.time
        confidence = _confidence(update)
        last = self._segments[-1] if self._segments else None
        if last is not None and (last.status, last.genre) == (update.status, update.genre):
            share = (update.time - begin) / max(update.time - last.start, 1e-9)
            mean = last.confidence + (confidence - last.confidence) * share
            self._segments[-1] = replace(last, end=update.time, confidence=mean)
        else:
            self._segments.append(
                Segment(begin, update.time, update.status, update.genre, confidence)
            )
        while self._segments[0].end < update.time - self._seconds:
            self._segments.popleft()

    def segments(self) -> tuple[Segment, ...]:
        """The segments, oldest first, without gaps between them."""
        return tuple(self._segments)


def _confidence(update: Update) -> float:
    """Probability of the decision; see Segment.confidence."""
    if update.genre is not None:
        return update.probabilities[update.genre]
    if update.status == "unsure":
        return max(update.probabilities.values())
    return 1.0 - update.music if update.status == "no-music" else 0.0
