"""Networks of this project: metrics from their committed predictions."""

from __future__ import annotations

from pathlib import Path

from ...evaluation.predictions import read_predictions
from ..results import Measured, genre_metrics
from ..rows import Row
from ..run import Bench, NotHereError

COMMITTED = Path(__file__).parents[2] / "results"


def measure(bench: Bench, row: Row, seed: int) -> Measured:
    """Read the predictions. Raises NotHereError if they are for other tracks or genres."""
    path = COMMITTED / str(row.entries["predictions"]).format(seed=seed)
    predictions = read_predictions(path)
    labels, test = bench.dataset.labels, bench.split("test")
    if list(predictions.labels) != labels or {*predictions.keys} != {*test.keys}:
        raise NotHereError(
            f"{path}: has predictions for other tracks or genres than the test split of this data"
        )
    place = {key: i for i, key in enumerate(predictions.keys)}
    means = predictions.probabilities[[place[key] for key in test.keys]]
    bench.keep(row, seed, test.tracks, labels, means)
    measured = genre_metrics([mean[None] for mean in means], test.true, labels).fields()
    del measured["window_accuracy"]  # only predictions per track are committed
    return Measured(**measured) | Measured(
        parameters=row.entries.get("parameters"),
        macs_per_second=row.entries.get("macs_per_second"),
        budget=str(row.entries["budget"]),
        train_seconds=None,
    )
