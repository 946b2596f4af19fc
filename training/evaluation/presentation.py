"""How reports and charts look: tables and numbers in Markdown; axes without a frame, in per cent.

matplotlib takes half a second to import, so only drawing imports it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

STATE_COLOURS = {"carried": "#0b6e99", "without_state": "#c8553d", "running_mean": "#7a7a7a"}
STATE_NAMES = {
    "carried": "state carried",
    "without_state": "state reset at every step",
    "running_mean": "reset, running mean",
}
HOP_COLOURS = ("#0b6e99", "#d98c2b", "#5b8c5a", "#7a4e8a")


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


def number(figure: float | None, digits: int = 3) -> str:
    """A number, or a dash where there is none."""
    return "–" if figure is None else f"{figure:.{digits}f}"


def p_value(p: float | None) -> str:
    """A probability of chance, to three digits at most."""
    return "< 0.001" if p is not None and p < 0.001 else number(p)


def _cell(cell: Any) -> str:
    return str(cell).replace("|", "\\|").replace("\n", " ")


def percent(share: float) -> str:
    """A share as a whole number of per cent."""
    return f"{100 * share:.0f} %"


def canvas(width: float, height: float) -> Figure:
    """An empty figure, inches, that needs no display."""
    from matplotlib.figure import Figure

    return Figure((width, height), layout="constrained")


def single(width: float = 6.0, height: float = 4.0) -> tuple[Figure, Axes]:
    """A figure with one panel, inches."""
    figure = canvas(width, height)
    axes = figure.subplots()
    tidy(axes)
    return figure, axes


def tidy(axes: Axes, percent: bool = True) -> None:
    """Without a frame, with faint lines to read values by."""
    from matplotlib.ticker import MaxNLocator

    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.25)
    if percent:
        # Whole per cents: at steps of 2.5 % the labels would say 28 for 27.5.
        axes.yaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10]))
        in_percent(axes.yaxis)


def in_percent(axis: Axis) -> None:
    """Label shares of 1 in per cent."""
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(1, 0))
