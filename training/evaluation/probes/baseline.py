"""The model beside a plain classifier that was trained on the same tracks.

The baseline is a file of predictions, as `python -m training head --baseline` writes them: a
perceptron on the mean embedding of each clip. Differences are paired, artists resampled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import Field

from ...data.record import DataError
from ..inputs import Scored
from ..metrics import (
    MEASURES,
    Differences,
    Floats,
    Result,
    TrackMetrics,
    accepted,
    differences,
    mean_draws,
    scored_metrics,
    with_interval,
)
from ..predictions import read_predictions
from ..presentation import table


class Baseline(Result):
    """Metrics of the baseline, and the paired differences of the model's from them."""

    metrics: TrackMetrics = Field(alias="figures")
    difference: Differences


def baseline_of(path: Path, scored: Scored, labels: Sequence[str]) -> Floats:
    """The baseline's probabilities (tracks, C) of the tracks scored; DataError where one lacks."""
    read = read_predictions(path)
    if read.labels != tuple(labels):
        raise DataError(f"{path}: predicts other genres than the model's; train it on this data")
    rows = dict(zip(read.keys, read.probabilities, strict=True))
    missing = [key for key in scored.keys if key not in rows]
    if missing:
        raise DataError(
            f"{path}: has no prediction for {len(missing)} tracks ({missing[0]}, ...); write the "
            "baseline of this split"
        )
    return np.stack([rows[key] for key in scored.keys])


def against_baseline(mean: Floats, baseline: Floats, scored: Scored) -> Baseline:
    """Both as mean probabilities (tracks, C)."""
    right = [accepted(p.argmax(1), scored.true, scored.second) for p in (mean, baseline)]
    gain = right[0].astype(float) - right[1]
    either = with_interval(float(gain.mean()), mean_draws(gain, scored.groups))
    return Baseline(
        metrics=scored_metrics(baseline, scored),
        difference=differences(mean, baseline, scored.true, scored.groups, either_accuracy=either),
    )


def section(hops: Mapping[str, Baseline]) -> list[str]:
    """The section of the report; nothing where there is no baseline."""
    if not hops:
        return []
    rows = [
        (hop, *(f"{b.metrics[m]}, {b.difference[m].signed()}" for m in MEASURES))
        for hop, b in hops.items()
    ]
    return [
        "## Beside the baseline",
        table(["hop (s)", *(m.replace("_", " ") for m in MEASURES)], rows),
        "The baseline's figure, then the difference of the model from it, paired on the tracks.",
    ]
