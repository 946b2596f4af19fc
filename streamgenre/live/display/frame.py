"""Compose one frame of the display for the size of the terminal: a pure function.

Rows are assigned by importance: each part requests a few rows first and more later. A low terminal
omits the least important parts, and a high one gives each part more space. The size of a part
depends on the terminal and on what there is to show, but not on the music, so that nothing moves
when the genre changes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult

from ...errors import one_line
from .band import band
from .bars import abreast, bars
from .gates import gates
from .headline import headline_lines, kind, kinds
from .health import header, health_lines, health_words, sinks_line, sinks_words
from .history import history
from .line import BOLD, DIM, ROOMY, WARN, Line, Span, columns, fitted, inset, length
from .meter import meter, scale
from .panel import chooser, help_panel, keys_line, over, panel_rows
from .view import View

_WIDE = 120  # minimum width for a second column beside the bars
_HIGH = 20  # minimum height for the second column
_GAP = 3
_HISTORY = 20  # further rows of the history in a very high terminal
_KINDS_WIDTH = 33  # of "music", "speech or noise", "silence" with two cells before each


@dataclass(frozen=True)
class Frame:
    """Lines to print, each as wide as the display."""

    lines: Sequence[Line]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The lines, separated by newlines."""
        for i, line in enumerate(self.lines):
            if i:
                yield Span.line()
            yield from line


def frame(
    view: View,
    order: Sequence[str],
    width: int,
    height: int,
    *,
    show_gates: bool = False,
    show_help: bool = False,
) -> Frame:
    """Compose the view: exactly `height` lines of exactly `width` cells.

    `order`: the labels in the order of their bars.
    """
    if width < 1 or height < 1:
        return Frame([])
    wide = width >= _WIDE and height >= _HIGH
    inner = width - 2 if width >= ROOMY else width
    panel = panel_rows(view, show_help)
    low = height - 5 < panel  # too low for the panel and large letters
    rows = _assign(height, _requests(view, len(order), width, show_gates, wide, low))
    top: list[Line] = []
    if rows["header"]:
        top.append(header(view, width))
    top += _blank(rows["space above the headline"])
    top += headline_lines(view, width, rows["headline"])
    headline_end = len(top)
    top += _blank(rows["space above the meter"])
    if rows["meter"]:
        top.append(_level(view, width))
    if rows["scale"]:
        top.append(scale(_level_width(width)))
    if rows["problem"]:
        top += inset([sinks_line(view, inner)], width)
    top += _blank(rows["space above the bars"])
    body = _body(view, order, width, rows, show_gates, wide)
    end = _blank(rows["space above the band"])
    end += history(view, width, rows["history"]) + band(view, width, rows["band"])
    end += _blank(rows["space above the health"])
    if rows["health"]:
        end += inset(health_lines(view, inner, rows["health"]), width)
    if rows["sinks"]:
        end += inset([sinks_line(view, inner)], width)
    if rows["gates"]:
        end += inset(gates(view, inner, rows["gates"]), width)
    foot = [_foot(view, width)] if rows["foot"] else []
    spare = height - len(top) - len(body) - len(end) - len(foot)
    lines = [*top, *body, *_blank(spare), *end, *foot]
    return Frame(
        [fitted(line, width) for line in _with_panel(view, lines, headline_end, width, show_help)]
    )


def _requests(
    view: View, labels: int, width: int, show_gates: bool, wide: bool, low: bool
) -> Iterable[tuple[str, int]]:
    """Parts and the rows that they request, the most important first."""
    problem = any(wrong for _, wrong in view.sinks)
    gate_rows = max(1, min(len(view.card.gates), 12)) + 1
    few = math.ceil(labels / abreast(_split(width)[0] if wide else width))
    yield "headline", 1
    if view.note:
        yield "foot", 1
    yield "meter", 1
    yield "band", 1
    if problem and not wide:
        yield "problem", 1
    yield "bars", 1
    yield "header", 1
    yield "band", 1
    if not low:
        yield "headline", 3
    yield from [("bars", 1)] * 2
    if not wide:
        yield "health", 1
        if show_gates:
            yield "gates", gate_rows
    if not view.note:
        yield "foot", 1
    yield from [("bars", 1)] * (min(few, 40) - 3)
    if wide:
        second = (
            7 + (len(view.sinks) + 2 if view.sinks else 0) + (gate_rows + 1 if show_gates else 0)
        )
        yield from [("bars", 1)] * (min(max(labels, second), 60) - max(few, 3))
    else:
        yield "health", 1
        if view.sinks and not problem:
            yield "sinks", 1
    yield "space above the bars", 1
    yield "space above the headline", 1
    yield "space above the meter", 1
    yield "space above the band", 1
    if not wide:
        yield "space above the health", 1
    if not low:
        yield "headline", 2
    yield "band", 1
    if not wide:
        yield from [("bars", 1)] * (min(labels, 60) - few)
    if width >= 60:
        yield "scale", 1
    yield "band", 1
    yield "space above the headline", 1
    yield "band", 1
    if wide:
        yield "history", 4
        yield from [("history", 1)] * _HISTORY


def _assign(height: int, requests: Iterable[tuple[str, int]]) -> Counter[str]:
    """Rows of each part: requests are granted in turn, those that do not fit are skipped."""
    rows: Counter[str] = Counter()
    for part, more in requests:
        if more <= height:
            rows[part] += more
            height -= more
    return rows


def _body(
    view: View, order: Sequence[str], width: int, rows: Counter[str], show_gates: bool, wide: bool
) -> list[Line]:
    """The bars, with health, outputs and gates beside them in a wide terminal."""
    height = rows["bars"]
    if not wide:
        return bars(view, order, width, height)
    left, right = _split(width)
    # If not all fits, gates and problems come first.
    gate_rows = (
        gates(view, right, min(height, max(1, len(view.card.gates)) + 1)) if show_gates else []
    )
    room = height - len(gate_rows) - bool(gate_rows)
    beside = health_words(view, right)
    if view.sinks:
        outputs = sinks_words(view, right)
        problem = any(wrong for _, wrong in view.sinks)
        beside = [*outputs, [], *beside] if problem else [*beside, [], *outputs]
    beside = [*beside[: max(0, room)], [], *gate_rows] if gate_rows else beside
    return columns(bars(view, order, left, height), beside[:height], (left, right), _GAP)


def _split(width: int) -> tuple[int, int]:
    """Widths of the bars and of the second column."""
    right = min(90, width * 4 // 10)
    return width - right - _GAP, right


def _level_width(width: int) -> int:
    return width - _KINDS_WIDTH if width >= _WIDE - 20 else width


def _level(view: View, width: int) -> Line:
    """The level meter and, if there is space, the kind of sound."""
    line = meter(view.level, _level_width(width))
    if width < _WIDE - 20:
        return line
    current = kind(view)
    for name in kinds(view):
        mark = "▸" if current == name else " "
        line += [Span(f" {mark}{name}", BOLD if current == name else DIM)]
    return line


def _foot(view: View, width: int) -> Line:
    """The current message, or else the keys."""
    if not view.note:
        return inset([keys_line(width - 2 if width >= ROOMY else width)], width)[0]
    note = [Span("▸ ", WARN), Span(one_line(view.note), BOLD)]
    if length(note) + 8 > width:
        return fitted(note, width)
    return [*fitted(note, width - 6), Span("?", BOLD), Span(" help", DIM)]


def _with_panel(
    view: View, lines: list[Line], headline_end: int, width: int, show_help: bool
) -> list[Line]:
    """The lines, with the list of inputs or the help over them, if possible below the headline."""
    if not view.choices and not show_help:
        return lines
    room = len(lines) - headline_end
    if room < 1:
        return lines
    panel = chooser(view, width, room) if view.choices else help_panel(width, room)
    below = headline_end + max(0, min(1, room - len(panel)))
    return over([fitted(line, width) for line in lines], panel, below, width)


def _blank(rows: int) -> list[Line]:
    return [[] for _ in range(rows)]
