"""The model beside a plain classifier that was trained on the same tracks.

The baseline is a file of predictions, as `python -m training head --baseline` writes them: a
perceptron on the mean embedding of each clip. Differences are paired, artists resampled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..data.record import DataError
from .bootstrap import mean_draws, with_interval
from .markdown import signed, table, value
from .measures import MEASURES, Floats, accepted, differences, scored_figures
from .predictions import read_predictions
from .scored import Scored


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


def against_baseline(mean: Floats, baseline: Floats, scored: Scored) -> dict[str, Any]:
    """Figures of the baseline, and the paired differences of the model's from them."""
    apart = differences(mean, baseline, scored.true, scored.groups)
    right = [accepted(p.argmax(1), scored.true, scored.second) for p in (mean, baseline)]
    gain = right[0].astype(float) - right[1]
    apart["either_accuracy"] = with_interval(float(gain.mean()), mean_draws(gain, scored.groups))
    return {"figures": scored_figures(baseline, scored), "difference": apart}


def section(hops: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The section of the report; nothing where there is no baseline."""
    rows = []
    for hop, f in hops.items():
        if "baseline" in f:
            plain, apart = f["baseline"]["figures"], f["baseline"]["difference"]
            rows.append((hop, *(f"{value(plain[m])}, {signed(apart[m])}" for m in MEASURES)))
    if not rows:
        return []
    return [
        "## Beside the baseline",
        table(["hop (s)", *(m.replace("_", " ") for m in MEASURES)], rows),
        "The baseline's figure, then the difference of the model from it, paired on the tracks.",
    ]
