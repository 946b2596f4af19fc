"""Pictures of the answers: which genres are confused, and how far confidence can be believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from .axes import single

Found = Mapping[str, Any]
_HOP_COLOURS = ("#0b6e99", "#d98c2b", "#5b8c5a", "#7a4e8a")


def reliability(found: Found) -> Figure | None:
    """Accuracy against confidence in bins of equal mass."""
    hops = _calibrated(found)
    if not hops:
        return None
    figure, axes = single(5.0, 4.6)
    axes.plot([0, 1], [0, 1], color="black", lw=0.8, ls="--", label="perfectly calibrated")
    for colour, (hop, c) in zip(_HOP_COLOURS, hops.items(), strict=False):
        bins = c["reliability"]
        axes.plot(
            [b["confidence"] for b in bins],
            [b["accuracy"] for b in bins],
            color=colour,
            marker="o",
            markersize=4,
            label=f"steps of {hop} s: error {c['expected_calibration_error']:.3f}, "
            f"if perfectly calibrated {c['by_chance']:.3f}",
        )
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    axes.set_aspect("equal")
    axes.xaxis.set_major_formatter(PercentFormatter(1, 0))
    axes.set_xlabel("probability of the best genre")
    axes.set_ylabel("share of steps that are right")
    axes.legend(frameon=False, fontsize=7, loc="lower right")
    return figure


def risk_coverage(found: Found) -> Figure | None:
    """Share wrong against share answered; the point is the card's threshold for "unsure"."""
    hops = _calibrated(found)
    if not hops:
        return None
    figure, axes = single()
    for colour, (hop, c) in zip(_HOP_COLOURS, hops.items(), strict=False):
        risk = c["risk_coverage"]
        name = f"steps of {hop} s (area {risk['area']:.3f})"
        axes.plot(*np.array(risk["curve"]).T, color=colour, label=name)
        if risk["risk_at_threshold"] is not None:
            axes.plot(risk["coverage_at_threshold"], risk["risk_at_threshold"], "o", color=colour)
    axes.plot([], [], "o", color="#7a7a7a", label='threshold for "unsure"')
    axes.set_xlim(0, 1.02)
    top = max(0.05, axes.get_ylim()[1])
    axes.set_ylim(-0.02 * top, top)  # a curve at nothing wrong is not to hide in the axis
    axes.xaxis.set_major_formatter(PercentFormatter(1, 0))
    axes.set_xlabel("steps that get a genre, most confident first")
    axes.set_ylabel("share of them that is wrong")
    figure.legend(frameon=False, fontsize=8, loc="outside upper center", ncols=2)
    return figure


def confusion(found: Found, labels: Sequence[str]) -> Figure | None:
    """Rows are true genres; colour is the share of the row, numbers are tracks."""
    hops = [(hop, f["confusion"]) for hop, f in found["hops"].items() if "confusion" in f]
    if not hops:
        return None
    hop, matrix = hops[0]
    counts = np.array(matrix)
    total = counts.sum(1, keepdims=True)
    share = np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)
    side = max(3.6, 0.42 * len(labels) + 1.4)
    figure = Figure((side + 1.2, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    bar = figure.colorbar(image, ax=axes, shrink=0.6, format=PercentFormatter(1, 0))
    bar.set_label("share of the genre's tracks (row)", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)
    for row, column in np.argwhere(counts):
        axes.text(
            column, row, str(counts[row, column]), ha="center", va="center", fontsize=8,
            color="white" if share[row, column] > 0.5 else "black",
        )  # fmt: skip
    axes.set_xticks(range(len(labels)), labels, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("taken for")
    axes.set_ylabel("genre")
    axes.set_title(f"tracks, mean over steps of {hop} s", fontsize=10)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return figure


def _calibrated(found: Found) -> dict[str, Any]:
    return {h: f["calibration"] for h, f in found["hops"].items() if "calibration" in f}
