"""One frame of the display, composed for the size that the terminal has: a pure function.

Rows are given out by importance: every part asks for few at first and for more later, so a low
terminal drops the least important part and a high one gives each its comfort. What a part gets
depends on the size and on what there is, never on what plays: nothing moves as the music changes.
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
from .line import BOLD, DIM, ROOMY, WARN, Line, Piece, columns, fitted, inset, length
from .meter import meter, scale
from .panel import chooser, help_panel, keys_line, over, panel_rows
from .view import View

_WIDE = 120  # columns from which there is a second column beside the bars
_HIGH = 20  # rows below which the second column would push out more than it brings
_GAP = 3
_KINDS_WIDTH = 33  # of "music", "speech or noise", "silence", the widest, two columns before each


@dataclass(frozen=True)
class Frame:
    """Lines that are ready to print, each as wide as the display."""

    lines: Sequence[Line]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The lines, with a new line between them and none after the last."""
        for i, line in enumerate(self.lines):
            if i:
                yield Piece.line()
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
    """The view at a size: exactly `height` lines of exactly `width` cells.

    `order` has the labels in the order of their bars (order.py).
    """
    if width < 1 or height < 1:
        return Frame([])
    wide = width >= _WIDE and height >= _HIGH
    inner = width - 2 if width >= ROOMY else width
    panel = panel_rows(view, show_help)
    low = height - 5 < panel  # large letters would leave the panel too little
    rows = _shares(height, _wishes(view, len(order), width, show_gates, wide, low))
    top: list[Line] = []
    if rows["header"]:
        top.append(header(view, width))
    top += _blank(rows["air above the headline"])
    top += headline_lines(view, width, rows["headline"])
    headline_end = len(top)
    top += _blank(rows["air above the meter"])
    if rows["meter"]:
        top.append(_level(view, width))
    if rows["scale"]:
        top.append(scale(_level_width(width)))
    if rows["trouble"]:
        top += inset([sinks_line(view, inner)], width)
    top += _blank(rows["air above the bars"])
    body = _body(view, order, width, rows, show_gates, wide)
    end = _blank(rows["air above the band"]) + band(view, width, rows["band"])
    end += _blank(rows["air above the health"])
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


def _wishes(
    view: View, labels: int, width: int, show_gates: bool, wide: bool, low: bool
) -> Iterable[tuple[str, int]]:
    """Parts and the rows that they ask for, the most important first."""
    trouble = any(wrong for _, wrong in view.sinks)
    heat = max(1, min(len(view.card.gates), 12)) + 1
    few = math.ceil(labels / abreast(_split(width)[0] if wide else width))
    yield "headline", 1
    if view.note:
        yield "foot", 1
    yield "meter", 1
    yield "band", 1
    if trouble and not wide:
        yield "trouble", 1
    yield "bars", 1
    yield "header", 1
    yield "band", 1
    if not low:
        yield "headline", 3
    yield from [("bars", 1)] * 2
    if not wide:
        yield "health", 1
        if show_gates:
            yield "gates", heat
    if not view.note:
        yield "foot", 1
    yield from [("bars", 1)] * (min(few, 40) - 3)
    if wide:
        second = 7 + (len(view.sinks) + 2 if view.sinks else 0) + (heat + 1 if show_gates else 0)
        yield from [("bars", 1)] * (min(max(labels, second), 60) - max(few, 3))
    else:
        yield "health", 1
        if view.sinks and not trouble:
            yield "sinks", 1
    yield "air above the bars", 1
    yield "air above the headline", 1
    yield "air above the meter", 1
    yield "air above the band", 1
    if not wide:
        yield "air above the health", 1
    if not low:
        yield "headline", 2
    yield "band", 1
    if not wide:
        yield from [("bars", 1)] * (min(labels, 60) - few)
    if width >= 60:
        yield "scale", 1
    yield "band", 1
    yield "air above the headline", 1
    yield "band", 1


def _shares(height: int, wishes: Iterable[tuple[str, int]]) -> Counter[str]:
    """Rows of each part: wishes are met in turn, those that no longer fit are passed over."""
    rows: Counter[str] = Counter()
    for part, more in wishes:
        if more <= height:
            rows[part] += more
            height -= more
    return rows


def _body(
    view: View, order: Sequence[str], width: int, rows: Counter[str], show_gates: bool, wide: bool
) -> list[Line]:
    """The bars; in a wide terminal, health, outputs and gates beside them."""
    height = rows["bars"]
    if not wide:
        return bars(view, order, width, height)
    left, right = _split(width)
    # What was asked for or is wrong comes first where not all has room.
    heat = gates(view, right, min(height, max(1, len(view.card.gates)) + 1)) if show_gates else []
    room = height - len(heat) - bool(heat)
    beside = health_words(view, right)
    if view.sinks:
        outputs = sinks_words(view, right)
        trouble = any(wrong for _, wrong in view.sinks)
        beside = [*outputs, [], *beside] if trouble else [*beside, [], *outputs]
    beside = [*beside[: max(0, room)], [], *heat] if heat else beside
    return columns(bars(view, order, left, height), beside[:height], (left, right), _GAP)


def _split(width: int) -> tuple[int, int]:
    """Widths of the bars and of what stands beside them."""
    right = min(90, width * 4 // 10)
    return width - right - _GAP, right


def _level_width(width: int) -> int:
    return width - _KINDS_WIDTH if width >= _WIDE - 20 else width


def _level(view: View, width: int) -> Line:
    """The meter, and where there is room which kind of sound it is."""
    line = meter(view.level, _level_width(width))
    if width < _WIDE - 20:
        return line
    heard = kind(view)
    for name in kinds(view):
        mark = "▸" if heard == name else " "
        line += [Piece(f" {mark}{name}", BOLD if heard == name else DIM)]
    return line


def _foot(view: View, width: int) -> Line:
    """What there is to say now; otherwise the keys."""
    if not view.note:
        return inset([keys_line(width - 2 if width >= ROOMY else width)], width)[0]
    note = [Piece("▸ ", WARN), Piece(one_line(view.note), BOLD)]
    if length(note) + 8 > width:
        return fitted(note, width)
    return [*fitted(note, width - 6), Piece("?", BOLD), Piece(" help", DIM)]


def _with_panel(
    view: View, lines: list[Line], headline_end: int, width: int, show_help: bool
) -> list[Line]:
    """The lines with the inputs or the help over them, below the headline where there is room."""
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
