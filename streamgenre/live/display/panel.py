"""Boxes over the display: help, and the list of inputs."""

from __future__ import annotations

from rich.cells import cell_len

from ...errors import one_line
from .line import BOLD, DIM, Line, Span, cut, fitted, length
from .view import Choice, View

KEYS = (
    ("q", "quit"),
    ("space", "pause"),
    ("r", "reset the state"),
    ("s", "save the timeline so far"),
    ("d", "switch device"),
    ("f", "feedback gates"),
    ("?", "help"),
)
_SHORT = {"r": "reset", "s": "save", "d": "device", "f": "gates"}
_MEANING = (
    "Percentages are probabilities: of ten results",
    "at 80%, about eight are right. Latency is the",
    "time from a sound until it affects the decision.",
)


def keys_line(width: int) -> Line:
    """One line with as many keys as fit, and always with the help."""
    items = [[Span(key, BOLD), Span(f" {_SHORT.get(key, does)}", DIM)] for key, does in KEYS]
    help_item = items.pop()
    line: Line = []
    for item in items:
        if length(line) + length(item) + 2 + length(help_item) > width:
            break
        line += [*item, Span("  ")]
    return fitted([*line, *help_item], width)


def panel_rows(view: View, show_help: bool) -> int:
    """Rows that the open panel needs; 0 if none is open."""
    return len(view.choices or KEYS) + 2 if view.choices or show_help else 0


def help_panel(width: int, height: int) -> list[Line]:
    """The keys, and below them how to read the numbers."""
    inside = [[Span(f"{key:>5}", BOLD), Span(f"  {does}")] for key, does in KEYS]
    if height >= len(inside) + len(_MEANING) + 3 and width >= max(map(len, _MEANING)) + 4:
        inside += [[], *([Span(text, DIM)] for text in _MEANING)]
    return _box("help", inside, "? closes", width, height)


def chooser(view: View, width: int, height: int) -> list[Line]:
    """The list of inputs; the current one is marked and always visible."""
    at = next((i for i, choice in enumerate(view.choices) if choice.current), 0)
    rows = max(1, height - 2)
    first = max(0, min(at - rows // 2, len(view.choices) - rows))
    inside = [_choice(choice) for choice in view.choices[first : first + rows]]
    title = "inputs"
    if len(view.choices) > rows:
        title += f" {first + 1}-{first + len(inside)} of {len(view.choices)}"
    return _box(title, inside, "↑ ↓ or number, enter selects, esc closes", width, height)


def over(lines: list[Line], panel: list[Line], top: int, width: int) -> list[Line]:
    """The lines with a centred panel over them, from row `top` on."""
    if not panel:
        return lines
    wide = length(panel[0])
    if wide + 2 <= width:  # a margin around the box
        panel = [[Span(" "), *row, Span(" ")] for row in panel]
        wide += 2
    left = (width - wide) // 2
    result = list(lines)
    for i, row in enumerate(panel[: len(lines) - top]):
        before, _, after = Span.divide(lines[top + i], [left, left + wide, width])
        result[top + i] = [*fitted(before, left), *row, *fitted(after, width - left - wide)]
    return result


def _choice(choice: Choice) -> Line:
    look = BOLD if choice.current else None
    mark = "▸" if choice.current else " "
    return [Span(f"{mark} {choice.index:>2}  {one_line(choice.name)}", look)]


def _box(title: str, inside: list[Line], foot: str, width: int, height: int) -> list[Line]:
    """A frame around the lines, or the lines alone if there is no space for a frame."""
    if width < 8 or height < 4 or height - 2 < len(inside) <= height + 1:
        return [fitted(line, width) for line in inside[:height]]
    needed = max(cell_len(title), cell_len(foot), *(length(line) for line in inside)) + 2
    wide = min(width - 2, needed)
    title, foot = cut(title, wide - 2), cut(foot, wide - 2)
    top = [Span("╭ "), Span(title, BOLD), Span(f" {'─' * (wide - 2 - cell_len(title))}╮")]
    bottom = [Span(f"╰{'─' * (wide - 2 - cell_len(foot))} "), Span(foot, DIM), Span(" ╯")]
    body: list[Line] = [
        [Span("│ "), *fitted(line, wide - 2), Span(" │")] for line in inside[: height - 2]
    ]
    return [top, *body, bottom]
