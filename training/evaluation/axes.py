"""How every picture of an evaluation looks: axes without a frame, shares in per cent."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter


def single(width: float = 6.0, height: float = 4.0) -> tuple[Figure, Axes]:
    """A figure with one panel, inches."""
    figure = Figure((width, height), layout="constrained")
    axes = figure.subplots()
    tidy(axes)
    return figure, axes


def tidy(axes: Axes, percent: bool = True) -> None:
    """No frame, faint lines to read values by."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.25)
    if percent:
        # Whole per cents: at steps of 2.5 % the labels would say 28 for 27.5.
        axes.yaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10]))
        axes.yaxis.set_major_formatter(PercentFormatter(1, 0))
