"""Networks joined: by their mean, or by an SVM that their probabilities of `valid` teach."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from filelock import FileLock

from streamgenre.networks.step import StepNetwork

from .baselines.stacking import stacked
from .network_row import listen, trained
from .rows import Row, chosen_rows
from .run import Bench, Heard, Probabilities, genre_result


def measure(bench: Bench, row: Row, seed: int) -> dict[str, Any]:
    """All systems of `of`, each seed, trained where they are not; `last`: svm (default) or mean."""
    last = row.entries.get("last", "svm")
    known: list[Probabilities] = []
    asked: list[Probabilities] = []
    cost = training = 0.0
    parameters = macs = 0
    for part in chosen_rows(row.entries["of"]):
        for number in part.seeds:
            network, costs = _trained(bench, part, number)
            heard = listen(bench, network, costs["hop"], "test")
            asked.append(heard.means)
            if last == "svm":
                known.append(listen(bench, network, costs["hop"], "valid").means)
            cost += heard.cpu_seconds_per_second
            training += costs["train_seconds"]
            parameters += costs["parameters"]
            macs += costs["macs_per_second"]
    budget = f"{len(asked)} networks"
    said = np.mean(asked, axis=0)
    if last == "svm":
        begun = time.process_time()
        said = stacked(known, bench.split("valid").true, asked)
        training += time.process_time() - begun
        budget += f", SVM fitted on {len(known[0])} tracks of valid"
    found = genre_result(bench, row, seed, Heard([r[None] for r in said], cost))
    return found | {
        "networks": len(asked),
        "parameters": parameters,
        "macs_per_second": macs,
        "train_seconds": round(training, 1),
        "budget": budget,
    }


def _trained(bench: Bench, part: Row, seed: int) -> tuple[StepNetwork, dict[str, Any]]:
    """The part's network; waits where another process trains it."""
    with FileLock(bench.lock(part, seed)):
        return trained(bench, part, seed)
