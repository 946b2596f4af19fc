"""A line of the display: spans of styled text, measured in terminal cells.

Plain lists of rich segments: rich's own layout is several times slower for the same frame.
"""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

Span = Segment
"""A rich segment, not a segment of a timeline (update.Segment)."""
Line = list[Span]

ROOMY = 60  # minimum width for indented lines and full names

DIM = Style(dim=True)
BOLD = Style(bold=True)
GOOD = Style(color="green", bold=True)
WARN = Style(color="yellow", bold=True)
BAD = Style(color="bright_white", bgcolor="red", bold=True)


def length(line: Line) -> int:
    """Width of a line in cells."""
    return sum(cell_len(piece.text) for piece in line)


def cut(text: str, width: int) -> str:
    """Text truncated to at most `width` cells, with an ellipsis.

    >>> cut("Electronic", 10), cut("Electronic", 6), cut("Electronic", 0)
    ('Electronic', 'Elect…', '')
    """
    if cell_len(text) <= width:
        return text
    return f"{set_cell_size(text, width - 1).rstrip()}…" if width > 0 else ""


def padded(text: str, width: int) -> str:
    """Text of exactly `width` cells."""
    return set_cell_size(cut(text, width), max(0, width))


def fitted(line: Line, width: int) -> Line:
    """The line truncated with an ellipsis, or padded, to exactly `width` cells."""
    room = width
    for i, piece in enumerate(line):
        cells = cell_len(piece.text)
        if cells > room or (cells == room and any(p.text.strip() for p in line[i + 1 :])):
            text = cut(f"{piece.text}……", room) if piece.text.strip() else " " * room
            return [*line[:i], Span(set_cell_size(text, room), piece.style)]
        room -= cells
    return [*line, Span(" " * room)] if room else line


def inset(lines: list[Line], width: int) -> list[Line]:
    """The lines, indented if the display is wide enough."""
    return [[Span("  "), *line] for line in lines] if width >= ROOMY else lines


def spread(left: Line, right: Line, width: int) -> Line:
    """`left` and `right` at the two ends of a line, or `left` alone if both do not fit."""
    space = width - length(left) - length(right)
    if not right or space < 2:
        return fitted(left, width)
    return [*left, Span(" " * space), *right]


def longest(candidates: list[Line], width: int) -> Line:
    """The first candidate that fits, else the last; candidates are ordered from long to short."""
    return next((line for line in candidates if length(line) <= width), candidates[-1])


def columns(left: list[Line], right: list[Line], widths: tuple[int, int], gap: int) -> list[Line]:
    """Two blocks of lines side by side."""
    lines = []
    for i in range(max(len(left), len(right))):
        start = fitted(left[i] if i < len(left) else [], widths[0])
        end = fitted(right[i] if i < len(right) else [], widths[1])
        lines.append([*start, Span(" " * gap), *end])
    return lines
