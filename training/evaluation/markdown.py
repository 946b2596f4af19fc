"""Tables and figures as Markdown has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table, its first column to the left and the others to the right.

    >>> print(table(["a", "b"], [["x", 1]]))
    | a | b |
    |---|---:|
    | x | 1 |
    """
    lines = [header, *rows]
    text = ["| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines]
    text.insert(1, "|---|" + "---:|" * (len(header) - 1))
    return "\n".join(text)


def value(figure: Sequence[float]) -> str:
    """[value, low, high] as text.

    >>> value([0.675, 0.6354, 0.7167])
    '0.675 (0.635 to 0.717)'
    """
    middle, low, high = figure
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"


def signed(figure: Sequence[float]) -> str:
    """[difference, low, high] as text.

    >>> signed([-0.0311, -0.075, 0.0125])
    '-0.031 (-0.075 to +0.013)'
    """
    middle, low, high = figure
    return f"{middle:+.3f} ({low:+.3f} to {high:+.3f})"


def number(figure: float | None, digits: int = 3) -> str:
    """A number, or a dash where there is none."""
    return "–" if figure is None else f"{figure:.{digits}f}"


def p_value(p: float | None) -> str:
    """A probability of chance, to three digits at most."""
    return "< 0.001" if p is not None and p < 0.001 else number(p)


def _cell(cell: Any) -> str:
    return str(cell).replace("|", "\\|").replace("\n", " ")
