"""The picture of the gates: what is heard above, how each block's gate moves with it below."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from .axes import tidy
from .gates import GatesOver

# As many labels are shown: more lines cannot be told apart.
_COLOURS = (
    "#0b6e99", "#c8553d", "#5b8c5a", "#d98c2b", "#7a4e8a", "#5f6b73", "#b5a429", "#d07aa4",
    "#1f1f1f",
)  # fmt: skip


def gates(over: GatesOver) -> Figure:
    """Probability of the true and of the best labels; below, each gate less its mean over time."""
    blocks = over.gates.shape[1]
    figure = Figure((9.0, 4.0 + 0.16 * blocks), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1 + 0.09 * blocks))
    true = [over.labels.index(genre) for _, genre in over.changes]
    by_mean = np.argsort(-over.probabilities.mean(0), kind="stable").tolist()
    shown = list(dict.fromkeys([*true, *by_mean]))[: len(_COLOURS)]
    for colour, label in zip(_COLOURS, shown, strict=False):
        name = over.labels[label]
        above.plot(over.times, over.probabilities[:, label], color=colour, lw=1.4, label=name)
    moved = (over.gates - over.gates.mean(0)).T
    limit = max(float(np.quantile(np.abs(moved), 0.99)), 1e-6)
    end = float(over.times[-1])
    image = below.imshow(
        moved, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest",
        extent=(0.0, end, blocks + 0.5, 0.5),
    )  # fmt: skip
    bar = figure.colorbar(image, ax=below, pad=0.01)
    bar.set_label("gate less its mean", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    bar.outline.set_visible(False)
    for start, genre in over.changes:
        if start > 0:
            above.axvline(start, color="black", lw=0.8)
            below.axvline(start, color="black", lw=0.8)
        above.text(start + 0.3, 1.02, genre, fontsize=8, va="bottom")
    above.set_xlim(0, end)
    above.set_ylim(0, 1.1 if over.changes else 1.02)
    above.set_yticks([0, 0.25, 0.5, 0.75, 1])
    above.set_ylabel("probability of a step")
    tidy(above)
    figure.legend(
        *above.get_legend_handles_labels(),
        frameon=False, fontsize=8, loc="outside upper center", ncols=len(_COLOURS),
    )  # fmt: skip
    below.set_yticks(range(1, blocks + 1), over.names)
    below.tick_params(axis="y", labelsize=7)
    below.set_xlabel("seconds of the stream; lines are changes of track")
    return figure
