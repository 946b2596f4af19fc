"""The stream graph of a timeline: the smoothed probabilities of the labels, stacked over time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...model.card import Label
from ...model.timeline import Timeline

MOST_POINTS = 1200
"""Maximum number of points of a graph, more than the pixels of a usual picture."""


@dataclass(frozen=True)
class Frame:
    """The rectangle of a graph, and the times (s) at its left and right edges."""

    x: float
    y: float
    width: float
    height: float
    start: float
    end: float

    def across(self, seconds: float) -> float:
        """The horizontal position of a time."""
        return self.x + (seconds - self.start) / (self.end - self.start) * self.width


@dataclass(frozen=True)
class Layer:
    """The area of one label over an interval of music."""

    label: Label
    times: NDArray[np.float64]  # (n,) s
    lower: NDArray[np.float64]  # (n,) in [0, 1]
    upper: NDArray[np.float64]

    @property
    def height(self) -> float:
        """The largest probability."""
        return float((self.upper - self.lower).max())

    def outline(self, frame: Frame) -> NDArray[np.float64]:
        """The corners (2n, 2) of the area in a frame."""
        along = [frame.across(seconds) for seconds in self.times]
        above, below = (frame.y + (1 - edge) * frame.height for edge in (self.upper, self.lower))
        return np.vstack([np.c_[along, above], np.c_[along, below][::-1]])


def layers(timeline: Timeline, most: int = MOST_POINTS) -> Iterator[Layer]:
    """The areas from bottom to top, for each interval of music.

    With more than `most` updates, consecutive ones are averaged. Invisible areas are omitted.
    """
    size = math.ceil(len(timeline.updates) / most) or 1
    for begin, times, values in _intervals(timeline):
        edges = range(0, len(times), size)
        means = np.stack([values[i : i + size].mean(0) for i in edges])
        ends = [times[min(i + size, len(times)) - 1] for i in edges]
        upper = np.vstack([means[:1], means]).cumsum(1)
        lower = np.hstack([np.zeros((len(upper), 1)), upper[:, :-1]])
        at = np.array([begin, *ends])
        for i, label in enumerate(timeline.card.labels):
            layer = Layer(label, at, lower[:, i], upper[:, i])
            if layer.height > _INVISIBLE:
                yield layer


_INVISIBLE = 0.002  # probability, a third of a pixel in a graph of 150 pixels


def _intervals(
    timeline: Timeline,
) -> Iterator[tuple[float, NDArray[np.float64], NDArray[np.float64]]]:
    """Start, times (n,) and smoothed probabilities (n, labels) of each interval of music.

    The smoothing is that of decide.py, so the graph shows the basis of the decisions.
    """
    names, constant = timeline.card.label_names, timeline.card.thresholds.smoothing
    smoothed: NDArray[np.float64] | None = None
    begin = end = timeline.start
    times: list[float] = []
    values: list[NDArray[np.float64]] = []
    for update in timeline.updates:
        if update.status in ("genre", "unsure"):
            if not times:
                begin = end
            step = np.array([update.probabilities[name] for name in names])
            share = 1 - math.exp(-(update.time - end) / constant)
            smoothed = step if smoothed is None else smoothed + (step - smoothed) * share
            times.append(update.time)
            values.append(smoothed)
        else:
            if update.status == "gap":  # the stream was reset
                smoothed = None
            if times:
                yield begin, np.array(times), np.array(values)
            times, values = [], []
        end = update.time
    if times:
        yield begin, np.array(times), np.array(values)


def ink_on(colour: str) -> str:
    """Black or white, whichever has more contrast with a colour "#rrggbb" (WCAG 2.1).

    >>> ink_on("#c9a227"), ink_on("#203080")
    ('#000000', '#ffffff')
    """
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return "#000000" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 else "#ffffff"
