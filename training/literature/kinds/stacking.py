"""Several networks: their mean, or an SVM that is fitted on their probabilities for `valid`."""

from __future__ import annotations

import time

import numpy as np
from filelock import FileLock

from ..baselines.classifiers import stacked
from ..results import Measured
from ..rows import Row, chosen_rows
from ..run import Bench, Outputs, Probabilities, genre_result
from .network import Trained, predict, trained


def measure(bench: Bench, row: Row, seed: int) -> Measured:
    """Combine all seeds of the systems `of`, trained if needed; `last`: svm (default) or mean."""
    last = row.entries.get("last", "svm")
    known: list[Probabilities] = []
    asked: list[Probabilities] = []
    cost = training = 0.0
    parameters = macs = 0
    for part in chosen_rows(row.entries["of"]):
        for number in part.seeds:
            run = _trained(bench, part, number)
            outputs = predict(bench, run, "test")
            asked.append(outputs.means)
            if last == "svm":
                known.append(predict(bench, run, "valid").means)
            cost += outputs.cpu_seconds_per_second
            training += run.costs.train_seconds or 0.0
            parameters += run.costs.parameters or 0
            macs += run.costs.macs_per_second or 0
    budget = f"{len(asked)} networks"
    joined = np.mean(asked, axis=0)
    if last == "svm":
        begun = time.process_time()
        joined = stacked(known, bench.split("valid").true, asked)
        training += time.process_time() - begun
        budget += f", SVM fitted on {len(known[0])} tracks of valid"
    outputs = Outputs([r[None] for r in joined], cost)
    return genre_result(bench, row, seed, outputs) | Measured(
        networks=len(asked),
        parameters=parameters,
        macs_per_second=macs,
        train_seconds=round(training, 1),
        budget=budget,
    )


def _trained(bench: Bench, part: Row, seed: int) -> Trained:
    """The network of a row. Waits if another process is training it."""
    with FileLock(bench.lock(part, seed)):
        return trained(bench, part, seed)
