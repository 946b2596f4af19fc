"""Choi et al.'s two comparisons: four networks at equal parameters, and at equal time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from ..evaluation.axes import tidy
from .systems import System

_NAME = re.compile(r"choi-(tags-)?(k1c2|k2c1|k2c2|crnn)-([\d.]+)")
_LINES = {
    "k1c2": ("#5b8c5a", "^"), "k2c1": ("#d98c2b", "s"), "k2c2": ("#0b6e99", "o"),
    "crnn": ("#c8553d", "D"),
}  # fmt: skip
_MEASURES = {"genre": ("accuracy", "accuracy of genres"), "tags": ("roc_auc", "ROC-AUC of tags")}


class _Point(NamedTuple):
    x: float
    system: System


def parameters(systems: Sequence[System], task: str) -> Figure | None:
    """The measure of a task against parameters, a line a network."""
    nets = _nets(systems, task, "parameters")
    if max(map(len, nets.values()), default=0) < 2:
        return None  # at one size there is nothing along the axis
    figure = Figure((6.0, 4.2), layout="constrained")
    axes = figure.subplots()
    _lines(axes, nets, task)
    axes.set_xlabel("parameters")
    axes.legend(frameon=False, fontsize=8)
    return figure


def time(systems: Sequence[System]) -> Figure | None:
    """The measure of each task against the time that one pass of training takes."""
    panels = {task: found for task in _MEASURES if (found := _nets(systems, task, "time"))}
    if not panels:
        return None
    figure = Figure((1.0 + 4.6 * len(panels), 4.2), layout="constrained")
    side_by_side = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (task, nets) in zip(side_by_side, panels.items(), strict=True):
        _lines(axes, nets, task)
        axes.set_xlabel("CPU minutes of training for one pass")
        axes.legend(frameon=False, fontsize=8)
    return figure


def logarithmic(axes: Axes, aside: float = 0.08) -> None:
    """Across, with ticks in plain numbers, and room aside (share of the width)."""
    axes.set_xscale("log")
    axes.margins(x=aside)
    low, high = axes.get_xlim()
    # Over many powers of ten the numbers between them would run into each other.
    axes.xaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5) if high < 300 * low else (1,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _plain(x)))
    axes.xaxis.set_minor_locator(NullLocator())


def _plain(x: float) -> str:
    return f"{x / 1e6:.10g} M" if x >= 1e6 else f"{x:,.10g}"


def _nets(systems: Sequence[System], task: str, across: str) -> dict[str, list[_Point]]:
    """Network -> its systems that have both figures, by the one across."""
    nets: dict[str, list[_Point]] = {}
    for system in systems:
        named = _NAME.fullmatch(system.name)
        if named is None or system.task != task or not system.figure(_MEASURES[task][0]):
            continue
        x = system.value("parameters") if across == "parameters" else _minutes_a_pass(system)
        if x:
            nets.setdefault(named[2], []).append(_Point(x, system))
    return {net: sorted(nets[net], key=lambda p: p.x) for net in _LINES if net in nets}


def _minutes_a_pass(system: System) -> float | None:
    seconds, passes = system.value("train_seconds"), system.value("passes")
    return seconds / 60 / passes if seconds and passes else None


def _lines(axes: Axes, nets: dict[str, list[_Point]], task: str) -> None:
    measure, words = _MEASURES[task]
    spread = ""
    for i, (net, points) in enumerate(nets.items()):
        colour, marker = _LINES[net]
        aside = 1 + 0.025 * (i - (len(nets) - 1) / 2)  # so that no interval hides another
        x = [p.x * aside for p in points]
        y = [p.system.value(measure) or 0.0 for p in points]
        axes.plot(x, y, color=colour, marker=marker, markersize=6, lw=1.6, label=net)
        for across, point in zip(x, points, strict=True):
            figure = point.system.figure(measure)
            if figure and figure.interval:
                spread, ends = "95 % interval over tracks", figure.interval
            elif figure and figure.deviation is not None:
                value, deviation = figure.value, figure.deviation
                spread, ends = "± deviation over seeds", (value - deviation, value + deviation)
            else:
                continue
            axes.plot([across] * 2, ends, color=colour, lw=1, alpha=0.4)
    logarithmic(axes)
    axes.set_ylabel(", ".join(filter(None, (words, spread))))
    tidy(axes, percent=measure == "accuracy")
