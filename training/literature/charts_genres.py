"""Which genres the systems find, and what they take the others for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from .systems import System, confusions, labels_of, section_names

_COLUMNS = 4  # of the small matrices


def genres(systems: Sequence[System]) -> Figure | None:
    """Recall of every genre by every system, best system first within a section."""
    known = sorted(
        (s for s in systems if any(e.get("recall_by_genre") for e in s.entries)),
        key=lambda s: (s.section, -(s.value("accuracy") or 0.0)),
    )
    if not known:
        return None
    labels = list(next(e for e in known[0].entries if e.get("recall_by_genre"))["recall_by_genre"])
    recall = np.array([_recalls(system, labels) for system in known])
    figure = Figure((7.4, 0.14 * len(known) + 1.9), layout="constrained")
    axes = figure.subplots()
    axes.set_facecolor("#dddddd")  # where there is no track
    # In ten shades: the numbers say the rest, and the file stays small.
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
    """Of each section's most accurate system, the share of a genre's tracks taken for each."""
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
        axes.spines[:].set_color("#cccccc")  # cells without a track are as white as the page
    bar = figure.colorbar(image, ax=panels, shrink=0.4, format=PercentFormatter(1, 0))
    bar.set_label("share of the genre's tracks (row)", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)
    figure.supylabel("genre", fontsize=9)
    figure.supxlabel("taken for", fontsize=9)
    return figure


def _recalls(system: System, labels: Sequence[str]) -> list[float]:
    """Mean over seeds; NaN where the genre has no track."""
    found = [e["recall_by_genre"] for e in system.entries if e.get("recall_by_genre")]
    rows = [[f.get(label) for f in found] for label in labels]
    return [float("nan") if None in row else float(np.mean(row)) for row in rows]


def _counted(labels: Sequence[str], systems: Sequence[System]) -> list[str]:
    """Each genre with its number of test tracks, where that is known."""
    for system in systems:
        if (matrix := confusions(system)) is not None and len(matrix) == len(labels):
            counts = matrix.sum(1) // len([e for e in system.entries if e.get("confusion")])
            return [f"{label} ({n})" for label, n in zip(labels, counts, strict=True)]
    return list(labels)
