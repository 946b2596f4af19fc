"""Networks' outputs stacked: their probabilities of `valid` teach an SVM, which judges `test`."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..baselines.stacking import stacked
from ..data import DataError
from .network_row import listen, trained
from .rows import Row, chosen_rows
from .run import Bench, Heard, genre_result


def measure(bench: Bench, row: Row, seed: int) -> dict[str, Any]:
    """With every system of `of` and each of its seeds; raises DataError where one is missing."""
    known: list[NDArray[np.float64]] = []
    asked: list[NDArray[np.float64]] = []
    cost = training = 0.0
    for part in chosen_rows(row.entries["of"]):
        for number in part.seeds:
            if not (bench.folder(part, number) / "model.safetensors").is_file():
                raise DataError(f"{row.system} joins {part.system}-{number}; train that one first")
            network, costs = trained(bench, part, number)
            for split, means in (("valid", known), ("test", asked)):
                heard = listen(bench, network, costs["hop"], split)
                means.append(np.stack([rows.mean(0) for rows in heard.segments]))
            cost += heard.cpu_seconds_per_second
            training += costs["train_seconds"]
    begun = time.process_time()
    said = stacked(known, bench.split("valid").true, asked)
    training += time.process_time() - begun
    found = genre_result(bench, row, seed, Heard([r[None] for r in said], cost))
    return found | {
        "train_seconds": round(training, 1),
        "budget": f"{len(known)} networks, SVM fitted on {len(known[0])} tracks of valid",
    }
