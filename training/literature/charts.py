"""The charts of the results as PNG: bars of accuracy, and accuracy against cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from PIL import Image

from ..evaluation.axes import single, tidy
from ..writing import replace_file
from .charts_choi import logarithmic
from .charts_choi import parameters as choi_parameters
from .charts_choi import time as choi_time
from .charts_genres import confusion, genres
from .systems import System, confusions, section_names

_COLOURS = (
    "#0b6e99", "#c8553d", "#5b8c5a", "#d98c2b", "#7a4e8a", "#5f6b73", "#b5a429", "#d07aa4",
    "#3aa6a0", "#8c5a3c", "#7f9fcb", "#1f1f1f",
)  # fmt: skip
_MARKERS = "os^Dv<>PXph*"
_DPI = 120
_SHADES = (128, 64, 32, 24)  # of a picture's palette: the first with which it is small enough
_MOST = 120_000  # bytes
_APART = 0.02  # in accuracy, of systems that are named
_ROW, _HEAD = 0.145, 1.7  # a bar, inches; a section's heading, bars


def write_charts(systems: Sequence[System], folder: Path) -> list[Path]:
    """Draw what there are systems for; gives the paths."""
    drawings: dict[str, Callable[[Sequence[System]], Figure | None]] = {
        "accuracy": bars,
        "parameters": lambda s: against(s, "parameters", 1, "parameters"),
        "cost": lambda s: against(
            s, "macs_per_second", 1e6, "million multiply-adds for a second of audio"
        ),
        "genres": genres,
        "confusion": confusion,
        "choi-parameters": lambda s: choi_parameters(s, "genre"),
        "choi-tags-parameters": lambda s: choi_parameters(s, "tags"),
        "choi-time": choi_time,
    }
    written = []
    with mpl.rc_context({"text.parse_math": False}):
        for name, draw in drawings.items():
            figure = draw(systems)
            if figure is not None:
                written.append(folder / f"{name}.png")
                replace_file(written[-1], _png(figure))
    return written


def bars(systems: Sequence[System]) -> Figure | None:
    """Accuracy of every system with its interval, best first within a section."""
    known = [s for s in systems if s.task == "genre" and s.figure("accuracy")]
    if not known:
        return None
    names = section_names(known)
    rows = len(known) + _HEAD * len(names)
    figure = Figure((7.4, _ROW * rows + 0.8), layout="constrained")
    axes = figure.subplots()
    y, ticks = 0.0, []
    for section in names:
        colour = _colour(section)
        y += _HEAD
        axes.text(
            0.004, y - 1, f"{section}  {names[section]}", color=colour, fontsize=8, va="bottom",
            weight="bold", bbox={"color": "white", "pad": 0.5}, zorder=4,
        )  # fmt: skip
        for system in sorted((s for s in known if s.section == section), key=_accuracy):
            _bar(axes, system, y, colour)
            ticks.append((y, system.name))
            y += 1
    axes.set_yticks(*zip(*ticks, strict=True), fontsize=7)
    axes.set_ylim(y - 0.2, -0.2)
    axes.set_xlim(0, _round_up(max(_high(s) for s in known) + 0.05))
    axes.axvline(most_frequent := _most_frequent(known), color="black", lw=0.8, ls=":", zorder=3)
    axes.set_xlabel(
        f"accuracy, 95 % interval over tracks\ndotted: always the most frequent genre, "
        f"{100 * most_frequent:.1f} %",
        fontsize=8,
    )
    tidy(axes, percent=False)
    axes.xaxis.set_major_formatter(PercentFormatter(1, 0))
    axes.grid(visible=False, axis="y")
    axes.grid(axis="x", alpha=0.25)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    return figure


def _bar(axes: Axes, system: System, y: float, colour: str) -> None:
    accuracy = system.figure("accuracy")
    assert accuracy
    axes.barh(y, accuracy.value, height=0.72, color=colour, alpha=0.75, linewidth=0)
    end = accuracy.value
    if accuracy.interval:
        low, end = accuracy.interval
        axes.plot([low, end], [y, y], color="#303030", lw=1)
    axes.text(end + 0.006, y, f"{accuracy.value:.3f}", fontsize=6.5, va="center")


def against(systems: Sequence[System], measure: str, unit: float, words: str) -> Figure | None:
    """Accuracy against a cost; named are those that are _APART better than every cheaper one."""
    known = [s for s in systems if s.task == "genre" and s.figure("accuracy") and s.value(measure)]
    if not known:
        return None
    names = section_names(known)
    figure, axes = single(7.4, 5.6)
    for section in names:
        of = [s for s in known if s.section == section]
        x = [_cost(s, measure, unit) for s in of]
        y = [-_accuracy(s) for s in of]
        axes.plot(
            x, y, _MARKERS[(section - 1) % len(_MARKERS)], color=_colour(section), markersize=6,
            alpha=0.85, markeredgewidth=0, label=f"{section}  {names[section]}",
        )  # fmt: skip
        for system, across in zip(of, x, strict=True):
            accuracy = system.figure("accuracy")
            if accuracy and accuracy.interval:
                axes.plot([across] * 2, accuracy.interval, color="#7a7a7a", lw=0.5, alpha=0.5)
    named = 0.0
    for system in sorted(known, key=lambda s: (_cost(s, measure, unit), _accuracy(s))):
        if -_accuracy(system) > named + _APART:
            named = -_accuracy(system)
            axes.annotate(
                system.name, (_cost(system, measure, unit), named), (-4, 2), fontsize=7,
                textcoords="offset points", ha="right",  # up there is no other
            )  # fmt: skip
    logarithmic(axes, aside=0.18)
    axes.set_xlabel(words)
    axes.set_ylabel("accuracy, 95 % interval over tracks")
    figure.legend(frameon=False, fontsize=7, loc="outside lower center", ncols=2)
    return figure


def _png(figure: Figure) -> bytes:
    """Without what changes between machines and versions, in few colours."""
    drawn = BytesIO()
    figure.savefig(drawn, format="png", dpi=_DPI, metadata={"Software": None})
    picture = Image.open(drawn).convert("RGB")
    for shades in _SHADES:
        packed = BytesIO()
        few = picture.quantize(shades, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        few.save(packed, "png", optimize=True)
        if packed.tell() <= _MOST:
            break
    return packed.getvalue()


def _colour(section: int) -> str:
    return _COLOURS[(section - 1) % len(_COLOURS)]


def _accuracy(system: System) -> float:
    return -(system.value("accuracy") or 0.0)  # the best first


def _cost(system: System, measure: str, unit: float) -> float:
    return (system.value(measure) or 0.0) / unit


def _high(system: System) -> float:
    accuracy = system.figure("accuracy")
    assert accuracy
    return accuracy.interval[1] if accuracy.interval else accuracy.value


def _round_up(share: float) -> float:
    return min(1.05, float(np.ceil(share * 20) / 20))


def _most_frequent(systems: Sequence[System]) -> float:
    matrix = next((m for m in map(confusions, systems) if m is not None), None)
    return 0.0 if matrix is None else float(matrix.sum(1).max() / matrix.sum())
