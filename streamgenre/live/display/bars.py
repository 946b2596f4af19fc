"""A bar for each genre, in as many columns as needed, by probability."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from rich.cells import cell_len

from ...errors import one_line
from ...output.ribbon import style
from .line import BOLD, DIM, Line, Span, cut, fitted, padded
from .meter import bar
from .view import View

_NARROWEST = 32  # cells, the minimum width of a column of bars
_LONGEST_NAME = 24
_GAP = 2


def bars(view: View, order: Sequence[str], width: int, rows: int) -> list[Line]:
    """`rows` lines; labels fill the first column, then the next."""
    if rows < 1 or width < 1 or not order:
        return []
    names = {label.name: one_line(label.display) for label in view.card.labels}
    count = columns(len(order), width, rows)
    each = (width - _GAP * (count - 1)) // count
    shown = list(order)
    if len(shown) > rows * count:
        # With one or two rows, more labels are more useful than the line "and n more".
        shown = shown[: rows * count - (rows > 2)]
    room = min(_LONGEST_NAME, each // 3, max(cell_len(names.get(name, name)) for name in order))
    cells = [_bar(view, name, names.get(name, one_line(name)), room, each) for name in shown]
    more = len(order) - len(shown)
    if more and rows > 2:
        cells.append(fitted([Span(cut(f"  and {more} more", each), DIM)], each))
    depth = math.ceil(len(cells) / count) if len(cells) < rows * count else rows
    lines: list[Line] = [[] for _ in range(rows)]
    for i, cell in enumerate(cells):
        line = lines[i % depth]
        if line:
            line.append(Span(" " * _GAP))
        line += cell
    return lines


def columns(labels: int, width: int, rows: int) -> int:
    """Number of columns for that many labels, limited by the width."""
    return min(abreast(width), max(1, math.ceil(labels / max(1, rows))))


def abreast(width: int) -> int:
    """Number of columns of bars that fit."""
    return max(1, (width + _GAP) // (_NARROWEST + _GAP))


def _bar(view: View, label: str, name: str, room: int, width: int) -> Line:
    """Mark, name, percent and bar in exactly `width` cells."""
    probability = view.probabilities.get(label, 0.0)
    percent = f"{probability:4.0%}" if view.update is not None else "   -"
    decided = view.update is not None and view.update.genre == label
    colour = style(view.card, label)
    line = [
        Span("▸ " if decided else "  ", colour),
        Span(padded(name, room), BOLD if decided else None),
        Span(f" {percent} ", BOLD if decided else None if probability >= 0.1 else DIM),
    ]
    space = width - room - 8
    if space > 0:
        line.append(Span(bar(probability, space), colour))
    return fitted(line, width)


MARGIN = 0.05  # probability by which a row must exceed one above it for the rows to be sorted


class Order:
    """The order of the bars by probability, with hysteresis.

    Rows are sorted only if the order is clearly wrong. Otherwise they keep their places, so that
    they are easy to follow.
    """

    def __init__(self, labels: Iterable[str]) -> None:
        self._labels = list(labels)
        self._sorted = False

    @property
    def labels(self) -> tuple[str, ...]:
        """The current order."""
        return tuple(self._labels)

    def update(self, probabilities: Mapping[str, float]) -> tuple[str, ...]:
        """Update the order; a label without a probability has 0.

        >>> order = Order(["folk", "jazz", "rock"])
        >>> order.update({"folk": 0.2, "jazz": 0.3, "rock": 0.5})
        ('rock', 'jazz', 'folk')
        >>> order.update({"folk": 0.22, "jazz": 0.2, "rock": 0.58})
        ('rock', 'jazz', 'folk')
        >>> order.update({"folk": 0.8, "jazz": 0.1, "rock": 0.1})
        ('folk', 'rock', 'jazz')
        """
        values = [probabilities.get(label, 0.0) for label in self._labels]
        lowest = math.inf  # of the rows above
        wrong = not self._sorted
        for value in values:
            wrong = wrong or value > lowest + MARGIN
            lowest = min(lowest, value)
        if wrong:
            self._labels.sort(key=lambda label: -probabilities.get(label, 0.0))
            self._sorted = True
        return tuple(self._labels)
