"""The level meter: level, peak and clipping."""

from __future__ import annotations

import math
from itertools import pairwise

from rich.style import Style

from ...update import DIGITAL_SILENCE
from ..levels import Level
from .line import BAD, BOLD, DIM, Line, Span, fitted

FLOOR = -60.0  # dBFS at the left end; the right end is full scale
_ZONES = ((-18.0, Style(color="green")), (-6.0, Style(color="yellow")), (0.0, Style(color="red")))
_CLIP = " CLIP"
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def bar(share: float, width: int) -> str:
    """A bar over `share` of `width` cells, in steps of an eighth of a cell, not padded.

    >>> bar(0.5, 5)
    '██▌'
    """
    eighths = round(min(1.0, max(0.0, share)) * width * 8) if math.isfinite(share) else 0
    full, rest = divmod(eighths, 8)
    return "█" * full + (_EIGHTHS[rest] if rest else "")


def meter(level: Level, width: int) -> Line:
    """One line: the bar with a mark at the peak, the level as a number, CLIP."""
    start, room = _place(width)
    if start < 0:
        figure = " CLIP" if level.clipped else f" {_decibels(level.now, 0)[-4:]}"
        bar_alone = _track(level, max(0, width - 7))
        line = [Span("▕", DIM), *bar_alone, Span("▏", DIM)] if width >= 11 else []
        return fitted([*line, Span(figure, BAD if level.clipped else BOLD)], width)
    head = [Span("  level ", DIM)] if start else []
    figures = [Span(f" {_decibels(level.now)}", BOLD), Span(" dB", DIM)]
    if start:
        figures += [Span("  peak ", DIM), Span(_decibels(level.peak))]
    figures.append(
        Span(_CLIP if level.clipped else " " * len(_CLIP), BAD if level.clipped else None)
    )
    return [*head, Span("▕", DIM), *_track(level, room), Span("▏", DIM), *figures]


def scale(width: int) -> Line:
    """A scale in decibels below a meter of that width."""
    start, room = _place(width)
    line = [" "] * width
    for value in range(int(FLOOR), 1, 10 if room >= 40 else 20):
        text = str(value)
        at = start + 1 + round(_share(value) * room) - len(text) // 2
        if start >= 0:
            line[at : at + len(text)] = text
    return [Span("".join(line), DIM)]


def _place(width: int) -> tuple[int, int]:
    """Start column and inner width of the bar; -1 if only a short number fits."""
    if width >= 60:
        return 8, width - 8 - 2 - 28
    return (0, width - 2 - 15) if width >= 34 else (-1, 0)


def _track(level: Level, width: int) -> Line:
    """The bar, coloured by zones as on audio hardware: green, yellow, red at the top."""
    filled = bar(_share(level.now), width)
    cells = list(filled.ljust(width, "·"))
    mark = min(width - 1, int(_share(level.peak) * width)) if level.peak > FLOOR else -1
    if mark >= 0:
        cells[mark] = "┃"
    line: Line = []
    start = 0
    for top, style in _ZONES:
        end = width if top == 0 else round(_share(top) * width)
        cuts = (len(filled), mark, mark + 1)
        edges = sorted({start, end, *(cut for cut in cuts if start < cut < end)})
        for a, b in pairwise(edges):
            lit = a < len(filled) or a == mark
            line.append(Span("".join(cells[a:b]), style if lit else DIM))
        start = end
    return line


def _share(decibels: float) -> float:
    return 0.0 if not decibels > FLOOR else min(1.0, (decibels - FLOOR) / -FLOOR)


def _decibels(value: float, digits: int = 1) -> str:
    """A number with constant width, so that the text beside it does not move."""
    if not value > DIGITAL_SILENCE:
        return "  -inf"
    return f"{max(-999.0, min(999.0, value)):6.{digits}f}"
