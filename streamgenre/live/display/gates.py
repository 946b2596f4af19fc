"""The feedback gates as a heat map with a row per block and a column per update.

A gate is the factor by which the network's state scales the features of a block. Means change
little, so each row is shaded relative to its own range. The number beside it is the absolute value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby

from rich.cells import cell_len
from rich.style import Style

from ...errors import one_line
from .line import BOLD, DIM, Line, Span, cut, fitted, padded
from .view import View

_SHADES = "·░▒▓█"  # readable without colour
_LEAST_SPAN = 0.06  # smaller ranges are not stretched to all shades
_COLD, _HOT = (60, 80, 160), (255, 190, 60)
_STEPS = 12  # colours; adjacent cells often share one, which keeps a frame short


def gates(view: View, width: int, rows: int) -> list[Line]:
    """A title, and as many blocks as fit."""
    if rows < 1:
        return []
    title = [Span("gates", BOLD), Span("  how much of each block passes", DIM)]
    lines = [fitted(title, width)]
    names = [one_line(name) for name in view.card.gates]
    if not names or not view.gates:
        missing = "this model has none" if not names else "none yet"
        return [*lines, fitted([Span(f"  {missing}", DIM)], width)][:rows]
    room = min(12, width // 4, max(map(cell_len, names)))
    space = width - room - 8
    for i, name in enumerate(names[: rows - 1]):
        if rows - 1 < len(names) and i == rows - 2:
            lines.append(fitted([Span(f"  and {len(names) - i} more", DIM)], width))
            break
        values = [update[i] if i < len(update) else math.nan for update in view.gates]
        values = values[-space:] if space > 0 else values[-1:]
        line = [Span(f"  {padded(cut(name, room), room)} ")]
        if space > 0:
            line.append(Span(" " * (space - len(values))))
            line += _row(values)
        line.append(Span(f" {values[-1]:.2f}" if math.isfinite(values[-1]) else "    ?"))
        lines.append(fitted(line, width))
    return lines


def _row(values: Sequence[float]) -> Line:
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return [Span(" " * len(values))]
    middle = (min(known) + max(known)) / 2
    reach = max(_LEAST_SPAN, max(known) - min(known))
    shades = [
        round(((value - middle) / reach + 0.5) * (_STEPS - 1)) if math.isfinite(value) else -1
        for value in values
    ]
    return [_shade(step, len(list(run))) for step, run in groupby(shades)]


@lru_cache(maxsize=1024)
def _shade(step: int, size: int) -> Span:
    """`size` cells of the same shade; -1: unknown."""
    if step < 0:
        return Span(" " * size)
    share = step / (_STEPS - 1)
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(_COLD, _HOT, strict=True))
    shade = _SHADES[min(len(_SHADES) - 1, int(share * len(_SHADES)))]
    # The background has nearly the same colour, so that with colours the texture is not visible.
    back = "#" + "".join(f"{round(part * 0.8):02x}" for part in (red, green, blue))
    return Span(shade * size, Style(color=f"#{red:02x}{green:02x}{blue:02x}", bgcolor=back))
