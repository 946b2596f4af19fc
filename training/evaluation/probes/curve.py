"""Accuracy as a stream goes on, beside the two baselines that a carried state must beat.

At the same elapsed time: the same network with an empty state at every step, and the running mean
of that. Only what exceeds both is the state's doing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from streamgenre.model.card import Hop

from ...inference import Audio, Run, weighted_mean
from ..inputs import Scored, groups
from ..metrics import (
    MEASURES,
    Differences,
    Floats,
    Result,
    TrackMetrics,
    differences,
    scored_metrics,
)
from ..presentation import STATE_COLOURS, STATE_NAMES, canvas, number, table, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ELAPSED = (2.5, 5.0, 10.0, 20.0, 30.0)  # s
KINDS = ("carried", "without_state", "running_mean")
BASELINES = KINDS[1:]
_MEASURES = {"accuracy": "accuracy", "macro_recall": "macro recall"}
_NAMES = STATE_NAMES | {"without_state": "state reset"}
# Wide and solid below, narrow and broken above: lines that coincide still show, all of them.
_LINES: dict[str, dict[str, Any]] = {
    "carried": {"ls": "-", "lw": 3.0, "marker": "o", "markersize": 6},
    "without_state": {"ls": "--", "lw": 1.6, "marker": "s", "markersize": 4},
    "running_mean": {"ls": ":", "lw": 1.6, "marker": "^", "markersize": 4},
}

Runs = Mapping[str, Run]


class CurvePoint(Result):
    """The step that ends at one elapsed time, over the tracks that are long enough."""

    tracks: int
    carried: TrackMetrics
    without_state: TrackMetrics
    running_mean: TrackMetrics
    gain: Mapping[str, Differences] = Field(default={}, alias="carried_less")
    """What the carried state exceeds each of BASELINES by, paired."""

    def kind(self, name: str) -> TrackMetrics:
        """Metrics of one of KINDS."""
        found: TrackMetrics = getattr(self, name)
        return found


Curve = Mapping[str, CurvePoint]
"""Elapsed seconds as text -> metrics."""


class Streaming(Result):
    """Whole tracks and elapsed times, over all tracks and over each group of them.

    Of an evaluation of predictions alone, only `track_mean`.
    """

    track_mean: TrackMetrics
    track_last_step: TrackMetrics | None = None
    track_mean_without_state: TrackMetrics | None = None
    windows_without_state: float | None = None
    windows_with_state: float | None = None
    after: Curve | None = None
    protocols: Mapping[str, TrackMetrics] = {}
    sets: Mapping[str, TrackMetrics] = {}
    sets_last_step: Mapping[str, TrackMetrics] = {}
    sets_after: Mapping[str, Curve] = {}


def mean_over_steps(runs: Runs, scored: Scored) -> Floats:
    """Mean of each track's step probabilities (tracks, C), to the five digits that are published.

    Rounded here, so that a file of predictions gives back every figure exactly.
    """
    return np.round(np.stack([runs[key].mean() for key in scored.keys]), 5)


def last_step(runs: Runs, scored: Scored, audio: Audio, hop: Hop) -> Floats:
    """Probabilities of each track's last step that is not padded (tracks, C)."""
    steps = [max(0, len(audio[key]) // hop.samples - 1) for key in scored.keys]
    return np.stack(
        [runs[key].probabilities[step] for key, step in zip(scored.keys, steps, strict=True)]
    )


def windows(runs: Runs, scored: Scored) -> float:
    """Share of a track's steps that are right, weighted by new audio; mean over the tracks."""
    shares = [
        weighted_mean(runs[key].probabilities.argmax(1) == true, runs[key].last)
        for key, true in zip(scored.keys, scored.true, strict=True)
    ]
    return round(float(np.mean(shares)), 4)


def after(carried: Runs, alone: Runs, scored: Scored, audio: Audio, hop: Hop) -> Curve:
    """Metrics of the step that ends at each of ELAPSED, over the tracks that are long enough."""
    points = {}
    for elapsed in ELAPSED:
        steps = int(elapsed / hop.seconds + 1e-6)
        enough = np.array([len(audio[key]) >= steps * hop.samples for key in scored.keys])
        if not steps or not enough.any():
            continue
        long = scored.at(enough)
        reset = [alone[key].probabilities[:steps] for key in long.keys]
        at = {
            "carried": np.stack([carried[key].probabilities[steps - 1] for key in long.keys]),
            "without_state": np.stack([p[-1] for p in reset]),
            "running_mean": np.stack([p.mean(0) for p in reset]),
        }
        points[f"{elapsed:g}"] = CurvePoint(
            tracks=len(long.keys),
            **{kind: scored_metrics(at[kind], long) for kind in KINDS},
            gain={
                kind: differences(at["carried"], at[kind], long.true, long.groups)
                for kind in BASELINES
            },
        )
    return points


def measure(
    carried: Runs,
    alone: Runs,
    scored: Scored,
    audio: Audio,
    hop: Hop,
    protocols: Mapping[str, TrackMetrics],
) -> Streaming:
    """From the runs with the state carried and with it reset at every step."""
    mean, last = mean_over_steps(carried, scored), last_step(carried, scored, audio, hop)
    masks = groups(scored.tracks, audio)
    return Streaming(
        track_mean=scored_metrics(mean, scored),
        track_last_step=scored_metrics(last, scored),
        track_mean_without_state=scored_metrics(mean_over_steps(alone, scored), scored),
        windows_without_state=windows(alone, scored),
        windows_with_state=windows(carried, scored),
        after=after(carried, alone, scored, audio, hop),
        protocols=protocols,
        sets={name: scored_metrics(mean[m], scored.at(m)) for name, m in masks.items()},
        sets_last_step={name: scored_metrics(last[m], scored.at(m)) for name, m in masks.items()},
        sets_after={
            name: after(carried, alone, scored.at(m), audio, hop) for name, m in masks.items()
        },
    )


def section(hops: Mapping[str, Streaming]) -> list[str]:
    """As the stream goes on; then sets and lengths."""
    parts = []
    for hop, s in hops.items():
        if s.after is not None:
            parts += [
                f"Steps of {hop} s, the step that ends at that time. Over all steps, accuracy: "
                f"{number(s.windows_with_state)} with the state carried, "
                f"{number(s.windows_without_state)} with it reset.",
                *(_after(s.after, measure, words) for measure, words in _MEASURES.items()),
            ]
    streaming = ["## As the stream goes on", "[picture: curve]", *parts] if parts else []
    return streaming + _sets(hops)


def _after(curve: Curve, measure: str, words: str) -> str:
    rows = [
        (
            f"{seconds} s",
            point.tracks,
            *(point.kind(kind)[measure] for kind in KINDS),
            *(_gain(point, kind, measure) for kind in BASELINES),
        )
        for seconds, point in curve.items()
    ]
    header = [f"{words} after", "tracks", *(_NAMES[kind] for kind in KINDS)]
    return table([*header, *(f"carried less {_NAMES[kind]}" for kind in BASELINES)], rows)


def _gain(point: CurvePoint, kind: str, measure: str) -> str:
    return point.gain[kind][measure].signed() if point.gain else "–"


def _sets(hops: Mapping[str, Streaming]) -> list[str]:
    parts = []
    for hop, s in hops.items():
        rows = []
        for name, metrics in s.sets.items():
            at = s.sets_after[name].get("10")
            ten = (number(at.kind(k).accuracy.value) if at else "–" for k in KINDS)
            last = number(s.sets_last_step[name].accuracy.value)
            measured = (metrics[m] for m in MEASURES[:2])
            rows.append((name, metrics.tracks, *measured, last, " / ".join(ten)))
        if rows:
            header = ["group", "tracks", "accuracy", "macro recall", "last step", "after 10 s"]
            parts += [f"Steps of {hop} s:", table(header, rows)]
    note = "Accuracy after 10 s: state carried / reset / running mean."
    return ["## Sets and lengths", *parts, note] if parts else []


def plot(hops: Mapping[str, Streaming]) -> Figure | None:
    """Accuracy and macro recall of the step that ends at a time, with both baselines."""
    curves = {hop: s.after for hop, s in hops.items() if s.after}
    if not curves:
        return None
    figure = canvas(4.6 * len(curves) + 0.4, 6.6)
    panels = figure.subplots(2, len(curves), sharey="row", squeeze=False)
    for row, (measure, words) in zip(panels, _MEASURES.items(), strict=True):
        for axes, (hop, curve) in zip(row, curves.items(), strict=True):
            _draw(axes, curve, measure)
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


def _draw(axes: Axes, curve: Curve, measure: str) -> None:
    seconds = np.array([float(s) for s in curve])
    for shift, kind in zip((-0.035, 0.0, 0.035), KINDS, strict=True):
        middle, low, high = np.array([point.kind(kind)[measure] for point in curve.values()]).T
        axes.errorbar(
            seconds * (1 + shift),  # side by side, so that no interval hides another
            middle,
            yerr=np.maximum(0, [middle - low, high - middle]),
            color=STATE_COLOURS[kind],
            label=STATE_NAMES[kind],
            elinewidth=1.2,
            capsize=3,
            **_LINES[kind],
        )
    axes.set_xscale("log")
    ticks = [f"{s:g}\n({p.tracks})" for s, p in zip(seconds, curve.values(), strict=True)]
    axes.set_xticks(seconds, ticks)
    axes.minorticks_off()
    tidy(axes)
