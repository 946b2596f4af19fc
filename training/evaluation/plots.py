"""The pictures of an evaluation, PNG, one question each. Drawn without a display (Figure, Agg)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .axes import single, tidy
from .curve import KINDS
from .gates import GatesOver
from .plots_answers import confusion, reliability, risk_coverage
from .plots_gates import gates as gates_picture

Found = Mapping[str, Any]
_COLOURS = {"carried": "#0b6e99", "without_state": "#c8553d", "running_mean": "#7a7a7a"}
# Wide and solid below, narrow and broken above: lines that coincide still show, all of them.
_LINES: dict[str, dict[str, Any]] = {
    "carried": {"ls": "-", "lw": 3.0, "marker": "o", "markersize": 6},
    "without_state": {"ls": "--", "lw": 1.6, "marker": "s", "markersize": 4},
    "running_mean": {"ls": ":", "lw": 1.6, "marker": "^", "markersize": 4},
}
_MEASURES = {"accuracy": "accuracy", "macro_recall": "macro recall"}
_NAMES = {
    "carried": "state carried",
    "without_state": "state reset at every step",
    "running_mean": "reset, running mean",
}


def write_plots(
    found: Found, labels: Sequence[str], folder: Path, prefix: str, gates: GatesOver | None = None
) -> list[str]:
    """Draw what was measured into `folder`; gives the names of the files."""
    drawings: dict[str, Callable[[], Figure | None]] = {
        "curve": lambda: curve(found),
        "recovery": lambda: recovery(found),
        "minutes": lambda: minutes(found),
        "reliability": lambda: reliability(found),
        "risk-coverage": lambda: risk_coverage(found),
        "confusion": lambda: confusion(found, labels),
        "gates": lambda: None if gates is None else gates_picture(gates),
    }
    written = []
    # A genre's name is shown as it is, dollar signs too, which else begin a formula.
    with mpl.rc_context({"text.parse_math": False}):
        for name, draw in drawings.items():
            figure = draw()
            if figure is not None:
                written.append(f"{prefix}-{name}.png")
                figure.savefig(folder / written[-1], dpi=144)
    return written


def curve(found: Found) -> Figure | None:
    """Accuracy and macro recall of the step that ends at a time, with both baselines."""
    hops = {hop: f["after"] for hop, f in found["hops"].items() if f.get("after")}
    if not hops:
        return None
    figure = Figure((4.6 * len(hops) + 0.4, 6.6), layout="constrained")
    panels = figure.subplots(2, len(hops), sharey="row", squeeze=False)
    for row, (measure, words) in zip(panels, _MEASURES.items(), strict=True):
        for axes, (hop, after) in zip(row, hops.items(), strict=True):
            _draw_curve(axes, after, measure)
            if measure == "accuracy":
                axes.set_title(f"steps of {hop} s", fontsize=10)
            else:
                axes.set_xlabel("seconds since the start (tracks)")
        row[0].set_ylabel(f"{words} of the step, 95 % interval")
        low, high = row[0].get_ylim()
        high = min(1, high)
        low = max(0, min(low, high - 0.1))
        # A little above 100 %, so that a line there is drawn whole.
        row[0].set_ylim(low, high + 0.03 * (high - low))
        row[0].set_yticks([tick for tick in row[0].get_yticks() if low <= tick <= 1])
    handles, names = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, frameon=False, fontsize=8, loc="outside upper center", ncols=3)
    return figure


def _draw_curve(axes: Axes, after: Found, measure: str) -> None:
    seconds = np.array([float(s) for s in after])
    for shift, kind in zip((-0.035, 0.0, 0.035), KINDS, strict=True):
        middle, low, high = np.array([a[kind][measure] for a in after.values()]).T
        axes.errorbar(
            seconds * (1 + shift),  # side by side, so that no interval hides another
            middle,
            yerr=np.maximum(0, [middle - low, high - middle]),
            color=_COLOURS[kind],
            label=_NAMES[kind],
            elinewidth=1.2,
            capsize=3,
            **_LINES[kind],
        )
    axes.set_xscale("log")
    axes.set_xticks(seconds, [f"{s:g}\n({a['tracks']})" for s, a in _of(after)])
    axes.minorticks_off()
    tidy(axes)


def recovery(found: Found) -> Figure | None:
    """Accuracy since a change of track, the state carried or emptied at the change."""
    r = found.get("recovery")
    if not r:
        return None
    figure, axes = single()
    for key, kind, name in (
        ("carried", "carried", "state carried over the change"),
        ("reset", "without_state", "state emptied at the change"),
    ):
        low, high = np.array(r[f"{key}_interval"]).T
        axes.fill_between(r["seconds"], low, high, color=_COLOURS[kind], alpha=0.15, linewidth=0)
        axes.plot(r["seconds"], r[key], color=_COLOURS[kind], label=name)
    axes.plot(
        r["seconds"], r["old_genre_carried"], color="#7a7a7a", ls=":", label="still the old genre"
    )
    axes.axhline(r["accuracy_before"], color="black", lw=0.8, ls="--", label="before the change")
    axes.set_xlim(0, r["seconds"][-1])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("seconds since the change of track")
    axes.set_ylabel("share of steps")
    axes.set_title(f"{r['pairs']} pairs, single steps of {r['hop']} s", fontsize=10)
    axes.legend(frameon=False, fontsize=8)
    return figure


def minutes(found: Found) -> Figure | None:
    """Accuracy above, norm of the state below, minute by minute."""
    m = found.get("minutes")
    if not m or not m["minutes"]:
        return None
    figure = Figure((6.0, 4.8), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    number = [row["minute"] for row in m["minutes"]]
    for key, kind in (("accuracy", "carried"), ("accuracy_without_state", "without_state")):
        middle, low, high = np.array([row[key] for row in m["minutes"]]).T
        above.fill_between(number, low, high, color=_COLOURS[kind], alpha=0.15, linewidth=0)
        above.plot(number, middle, color=_COLOURS[kind], marker="o", ms=4, label=_NAMES[kind])
    below.plot(number, [r["state_norm"] for r in m["minutes"]], color="#0b6e99", label="mean")
    below.plot(
        number, [r["state_norm_largest"] for r in m["minutes"]], color="#0b6e99", ls=":",
        label="largest",
    )  # fmt: skip
    below.set_ylim(bottom=0)
    below.set_xticks(number)
    below.set_xlabel("minute of the stream")
    below.set_ylabel("norm of the state")
    above.set_ylabel("accuracy of steps")
    above.set_title(f"{m['streams']} streams of {m['made_of']}", fontsize=10)
    for axes in (above, below):
        axes.legend(frameon=False, fontsize=8)
        tidy(axes, percent=axes is above)
    return figure


def _of(after: Found) -> list[tuple[float, Any]]:
    return [(float(seconds), figures) for seconds, figures in after.items()]
