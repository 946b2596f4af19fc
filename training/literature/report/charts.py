"""Charts of the results as PNG.

They show the accuracy, accuracy against cost, recall and confusion of genres, and the two
comparisons of Choi et al. (2016): four networks with equal parameters, and with equal time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator, PercentFormatter
from PIL import Image

from streamgenre.files import replace_bytes

from ...evaluation.presentation import single, tidy
from ..systems import System, confusions, labels_of, section_names

_COLOURS = (
    "#0b6e99", "#c8553d", "#5b8c5a", "#d98c2b", "#7a4e8a", "#5f6b73", "#b5a429", "#d07aa4",
    "#3aa6a0", "#8c5a3c", "#7f9fcb", "#1f1f1f",
)  # fmt: skip
_MARKERS = "os^Dv<>PXph*"
_DPI = 120
_SHADES = (128, 64, 32, 24)  # sizes of the palette to try until the file is small enough
_MOST = 120_000  # bytes of a file
_APART = 0.02  # gain in accuracy for which a system is labelled
_ROW, _HEAD = 0.145, 1.7  # height of a bar in inches, and of a heading in bars
_COLUMNS = 4  # of the small matrices
_NAME = re.compile(r"choi-(tags-)?(k1c2|k2c1|k2c2|crnn)-([\d.]+)")
_LINES = {
    "k1c2": ("#5b8c5a", "^"), "k2c1": ("#d98c2b", "s"), "k2c2": ("#0b6e99", "o"),
    "crnn": ("#c8553d", "D"),
}  # fmt: skip
_MEASURES = {"genre": ("accuracy", "accuracy of genres"), "tags": ("roc_auc", "ROC-AUC of tags")}


def write_charts(systems: Sequence[System], folder: Path) -> list[Path]:
    """Draw all charts for which there are systems; return the paths."""
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
                replace_bytes(written[-1], _png(figure))
    return written


def bars(systems: Sequence[System]) -> Figure | None:
    """Accuracy of every system with its interval; within a section, the best is first."""
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
    """Accuracy against cost. Systems that are _APART better than all cheaper ones are labelled."""
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
                textcoords="offset points", ha="right",  # there is free space
            )  # fmt: skip
    logarithmic(axes, aside=0.18)
    axes.set_xlabel(words)
    axes.set_ylabel("accuracy, 95 % interval over tracks")
    figure.legend(frameon=False, fontsize=7, loc="outside lower center", ncols=2)
    return figure


def genres(systems: Sequence[System]) -> Figure | None:
    """Recall of every genre by every system; within a section, the best system is first."""
    known = sorted(
        (s for s in systems if any(e.recall_by_genre for e in s.entries)),
        key=lambda s: (s.section, -(s.value("accuracy") or 0.0)),
    )
    if not known:
        return None
    labels = list(next(e.recall_by_genre for e in known[0].entries if e.recall_by_genre))
    recall = np.array([_recalls(system, labels) for system in known])
    figure = Figure((7.4, 0.14 * len(known) + 1.9), layout="constrained")
    axes = figure.subplots()
    axes.set_facecolor("#dddddd")  # genres without tracks
    # Ten shades keep the file small, and the cells contain numbers.
    axes.imshow(recall, cmap=colormaps["Blues"].resampled(10), vmin=0, vmax=1, aspect="auto")
    for row, column in np.argwhere(~np.isnan(recall)):
        share = recall[row, column]
        axes.text(
            column, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=6,
            color="white" if share > 0.55 else "black",
        )  # fmt: skip
    for row in range(1, len(known)):
        if known[row].section != known[row - 1].section:
            axes.axhline(row - 0.5, color="black", lw=0.8)
    axes.set_yticks(range(len(known)), [s.name for s in known], fontsize=7)
    axes.xaxis.tick_top()
    axes.set_xticks(
        range(len(labels)), _counted(labels, known), rotation=50, ha="left", fontsize=8,
        rotation_mode="anchor",
    )  # fmt: skip
    axes.set_xlabel(
        "recall, per cent of the genre's test tracks (their number in brackets)", fontsize=8
    )
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return figure


def confusion(systems: Sequence[System]) -> Figure | None:
    """Confusion matrix of the most accurate system of each section, as shares of a row."""
    known = [s for s in systems if confusions(s) is not None]
    if not known:
        return None
    names, labels = section_names(known), labels_of(known)
    best = [
        max((s for s in known if s.section == section), key=lambda s: s.value("accuracy") or 0.0)
        for section in names
    ]
    columns = min(_COLUMNS, len(best))
    rows = -(-len(best) // columns)
    figure = Figure((2.3 * columns + 1.4, 2.3 * rows + 1.0), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes in panels.flat[len(best) :]:
        axes.set_axis_off()
    for axes, system in zip(panels.flat, best, strict=False):
        counts = np.asarray(confusions(system))
        total = counts.sum(1, keepdims=True)
        share = np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)
        image = axes.imshow(share, cmap="Blues", norm=PowerNorm(0.5, 0, 1))
        axes.set_title(f"{system.section}  {system.name}", fontsize=8)
        axes.set_yticks(range(len(labels)), labels, fontsize=7)
        axes.set_xticks(range(len(labels)), labels, rotation=90, fontsize=7)
        axes.tick_params(length=0)
        axes.spines[:].set_color("#cccccc")  # empty cells are as white as the page
    bar = figure.colorbar(image, ax=panels, shrink=0.4, format=PercentFormatter(1, 0))
    bar.set_label("share of the genre's tracks (row)", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)
    figure.supylabel("genre", fontsize=9)
    figure.supxlabel("taken for", fontsize=9)
    return figure


def _recalls(system: System, labels: Sequence[str]) -> list[float]:
    """Recall of each genre, the mean over seeds; NaN for a genre without tracks."""
    found = [e.recall_by_genre for e in system.entries if e.recall_by_genre]
    rows = [[f.get(label) for f in found] for label in labels]
    return [
        float(np.mean([np.nan if recall is None else recall for recall in row])) for row in rows
    ]


def _counted(labels: Sequence[str], systems: Sequence[System]) -> list[str]:
    """Names of the genres with their numbers of test tracks, if known."""
    for system in systems:
        if (matrix := confusions(system)) is not None and len(matrix) == len(labels):
            counts = matrix.sum(1) // len([e for e in system.entries if e.confusion])
            return [f"{label} ({n})" for label, n in zip(labels, counts, strict=True)]
    return list(labels)


class _Point(NamedTuple):
    x: float
    system: System


def choi_parameters(systems: Sequence[System], task: str) -> Figure | None:
    """The metric of a task against parameters, with a line for each network."""
    nets = _nets(systems, task, "parameters")
    if max(map(len, nets.values()), default=0) < 2:
        return None  # a single size needs no axis
    figure = Figure((6.0, 4.2), layout="constrained")
    axes = figure.subplots()
    _lines(axes, nets, task)
    axes.set_xlabel("parameters")
    axes.legend(frameon=False, fontsize=8)
    return figure


def choi_time(systems: Sequence[System]) -> Figure | None:
    """The metric of each task against the time of one pass of training."""
    panels = {task: nets for task in _MEASURES if (nets := _nets(systems, task, "time"))}
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
    """A logarithmic x axis with plain numbers as ticks; `aside`: margin as a share of the width."""
    axes.set_xscale("log")
    axes.margins(x=aside)
    low, high = axes.get_xlim()
    # Over many powers of ten, further numbers would overlap.
    axes.xaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5) if high < 300 * low else (1,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _plain(x)))
    axes.xaxis.set_minor_locator(NullLocator())


def _plain(x: float) -> str:
    return f"{x / 1e6:.10g} M" if x >= 1e6 else f"{x:,.10g}"


def _nets(systems: Sequence[System], task: str, across: str) -> dict[str, list[_Point]]:
    """Network -> its systems with both values, in the order of x."""
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
        aside = 1 + 0.025 * (i - (len(nets) - 1) / 2)  # so that intervals do not overlap
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


def _png(figure: Figure) -> bytes:
    """A PNG with few colours, without metadata that depend on machine or version."""
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
    return -(system.value("accuracy") or 0.0)  # sorts the best first


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
