"""The probabilities of the latest minutes as stacked areas, on the time axis of the ribbon."""

from __future__ import annotations

from collections import deque
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len

from ...errors import one_line
from ...output.ribbon import style
from ...update import Update
from .band import interval
from .line import Line, Span
from .view import View

_MOST = 10_000  # updates; bounds memory at short hops


class Probabilities:
    """The probabilities of the updates of about the last `seconds`."""

    def __init__(self, labels: tuple[str, ...], seconds: float) -> None:
        self._labels, self._seconds = labels, seconds
        self._rows: deque[tuple[float, ...]] = deque(maxlen=_MOST)

    def append(self, update: Update) -> None:
        """Add the next update."""
        music = update.status in ("genre", "unsure")
        values = (update.probabilities[name] if music else 0.0 for name in self._labels)
        self._rows.append((update.time, *values))
        while self._rows[0][0] < update.time - self._seconds:
            self._rows.popleft()

    def array(self) -> NDArray[np.float64]:
        """(n, 1 + C): time of each update, and its probabilities, 0 where there is no music."""
        return np.array(self._rows).reshape(len(self._rows), 1 + len(self._labels))


def history(view: View, width: int, rows: int) -> list[Line]:
    """`rows` lines of stacked areas, one per label in the order of the card."""
    if rows < 1 or width < 1:
        return []
    cells = _cells(view, width, rows)
    names = [one_line(label.display) for label in view.card.labels]
    places = _places(cells, names)
    lines: list[Line] = []
    for row in range(rows):
        line: Line = []
        column = 0
        for label, run in groupby(cells[row].tolist()):
            size = len(list(run))
            text = names[label] if places.get(label) == (row, column) else ""
            colour = style(view.card, view.card.labels[label].name, True) if label >= 0 else None
            line.append(Span(text + " " * (size - cell_len(text)), colour))
            column += size
        lines.append(line)
    return lines


def _cells(view: View, width: int, rows: int) -> NDArray[np.intp]:
    """(rows, width): the label of each cell, -1 for none."""
    cells = np.full((rows, width), -1)
    table = view.history
    if not len(table):
        return cells
    begin, end = interval(view, width)
    edges = np.linspace(begin, end, width + 1)
    # An update covers the time since the one before.
    first = np.searchsorted(table[:, 0], edges[:-1], "right")
    last = np.minimum(np.searchsorted(table[:, 0], edges[1:], "left") + 1, len(table))
    sums = np.vstack([np.zeros(table.shape[1] - 1), table[:, 1:].cumsum(0)])
    count = last - first
    times = table[:, 0]
    start = max(0.0, 2 * times[0] - times[1]) if len(times) > 1 else 0.0
    known = (count > 0) & (edges[1:] > start)
    means = (sums[last[known]] - sums[first[known]]) / count[known, None]
    tops = means.cumsum(1)  # upper edge of each label's area
    heights = (np.arange(rows)[::-1] + 0.5) / rows
    labels = (tops[None] <= heights[:, None, None]).sum(2)
    cells[:, known] = np.where(labels < tops.shape[1], labels, -1)
    return cells


def _places(cells: NDArray[np.intp], names: list[str]) -> dict[int, tuple[int, int]]:
    """Row and column for the name of each label: its longest run that has space for it."""
    longest: dict[int, tuple[int, int, int]] = {}
    for row, labels in enumerate(cells.tolist()):
        column = 0
        for label, run in groupby(labels):
            size = len(list(run))
            if label >= 0 and size > max(cell_len(names[label]), longest.get(label, (0,))[0]):
                longest[label] = size, row, column
            column += size
    return {label: (row, column) for label, (_, row, column) in longest.items()}
