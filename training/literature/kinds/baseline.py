"""Classical systems: a model on features that are measured once for all rows."""

from __future__ import annotations

import numpy as np

from ..baselines.system import Baseline, run
from ..results import Measured
from ..rows import Row
from ..run import Bench, Outputs, genre_result, seconds_of


def measure(bench: Bench, row: Row, seed: int) -> Measured:
    """Fit on `train` and predict `test`."""
    baseline = Baseline(
        row.entries["features"], row.entries["model"], tuple(row.entries.get("columns", ()))
    )
    train, test = bench.split("train"), bench.split("test")
    outcome = run(
        baseline,
        bench.audio,
        train.keys,
        train.true,
        test.keys,
        len(bench.dataset.labels),
        seed,
        bench.features,
    )
    segments = [np.asarray(outcome.probabilities[key]) for key in test.keys]
    cost = outcome.feature_seconds + outcome.predict_seconds / seconds_of(bench, test.keys)
    return genre_result(bench, row, seed, Outputs(segments, cost)) | Measured(
        parameters=outcome.parameters,
        train_seconds=round(outcome.fit_seconds, 1),
        budget=f"{outcome.fit_seconds:.1f} s of fitting, features apart",
    )
