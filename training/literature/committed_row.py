"""Our own networks beside the published ones: figures from their committed predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..evaluation.predictions import read_predictions
from .results import PREDICTIONS, genre_figures, write_scores
from .rows import Row
from .run import Bench, NotHereError

COMMITTED = Path(__file__).parent.parent / "results"


def measure(bench: Bench, row: Row, seed: int) -> dict[str, Any]:
    """Nothing is trained or heard; raises NotHereError where predictions are of other tracks."""
    path = COMMITTED / str(row.entries["predictions"]).format(seed=seed)
    predictions = read_predictions(path)
    labels, test = bench.dataset.labels, bench.split("test")
    if list(predictions.labels) != labels or {*predictions.keys} != {*test.keys}:
        raise NotHereError(f"{path}: predictions of other tracks or genres than this data's test")
    place = {key: i for i, key in enumerate(predictions.keys)}
    means = predictions.probabilities[[place[key] for key in test.keys]]
    kept = bench.results / PREDICTIONS / f"{row.system}-{seed}.csv.gz"
    write_scores(kept, test.tracks, labels, means)
    found = genre_figures([mean[None] for mean in means], test.true, labels)
    del found["window_accuracy"]  # what is committed are tracks
    return found | {
        "parameters": row.entries.get("parameters"),
        "macs_per_second": row.entries.get("macs_per_second"),
        "budget": str(row.entries["budget"]),
        "train_seconds": None,
    }
