"""The entries of one system: means over its seeds, standard deviations and intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..data import DataError
from ..evaluation.metrics import Estimate, Hits, Integers, with_interval
from ..evaluation.predictions import read_predictions
from .results import Entry, predictions_of


class Figure(NamedTuple):
    """The mean of a metric over seeds; None if not applicable."""

    value: float
    deviation: float | None = None  # standard deviation over at least two seeds
    interval: tuple[float, float] | None = None  # 95 %, over tracks


@dataclass(frozen=True)
class System:
    """One row of the tables."""

    entries: tuple[Entry, ...]  # one per seed
    keys: tuple[str, ...] = ()  # of the tracks
    hits: Hits | None = None  # mean over the seeds; None if predictions are missing
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.entries[0].system

    @property
    def section(self) -> int:
        return self.entries[0].section

    @property
    def task(self) -> str:
        return self.entries[0].task or "genre"

    def text(self, what: str) -> str:
        """A text of the row; empty if there is none."""
        return str(getattr(self.entries[0], what) or "")

    def each(self, measure: str) -> list[float]:
        """The value of a metric for every seed that has one."""
        values = (entry.estimate(measure) for entry in self.entries)
        return [v.value if isinstance(v, Estimate) else v for v in values if v is not None]

    def figure(self, measure: str) -> Figure | None:
        """Mean of a metric; for several seeds, the interval is that of their mean hits."""
        values = self.each(measure)
        if not values:
            return None
        deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
        interval = self.intervals.get(measure)
        only = self.entries[0].estimate(measure)
        if len(self.entries) == 1 and isinstance(only, Estimate):
            interval = (only.low, only.high)
        return Figure(float(np.mean(values)), deviation, interval)

    def value(self, measure: str) -> float | None:
        """Mean of a metric, without deviation and interval."""
        figure = self.figure(measure)
        return figure and figure.value


def systems_of(results: Sequence[Entry], folder: Path) -> list[System]:
    """All systems of a results folder, by section and name."""

    def place(entry: Entry) -> tuple[int, str]:
        return entry.section, entry.system

    ordered = sorted(results, key=lambda entry: (*place(entry), entry.seed))
    return [_system(tuple(entries), folder) for _, entries in groupby(ordered, place)]


def each_seed(system: System, folder: Path) -> list[System]:
    """A System for each seed, if they can be compared."""
    if system.task == "genre" and system.hits is None:
        return []
    return [_system((entry,), folder) for entry in system.entries]


def section_names(systems: Sequence[System]) -> dict[int, str]:
    """Section -> the most frequent source of its systems."""
    names: dict[int, Counter[str]] = {}
    for system in systems:
        names.setdefault(system.section, Counter())[system.text("source")] += 1
    return {section: of.most_common(1)[0][0] for section, of in sorted(names.items())}


def mean_hits(paths: Sequence[Path]) -> tuple[tuple[str, ...], Hits]:
    """Keys of the tracks, and mean hits of files of predictions, one per seed.

    Raises DataError if the files do not match.
    """
    read = [read_predictions(path) for path in paths]
    first = read[0]
    for path, predictions in zip(paths, read, strict=True):
        if (predictions.keys, predictions.genres) != (first.keys, first.genres):
            raise DataError(
                f"{path}: has other tracks or genres than {paths[0]}; repeat the measurement"
            )
    return first.keys, Hits.mean([Hits.of(p.probabilities, p.true) for p in read])


def _system(entries: tuple[Entry, ...], folder: Path) -> System:
    # Hits require one genre per track.
    if entries[0].task == "tags":
        return System(entries)
    paths = [path for entry in entries if (path := predictions_of(folder, entry))]
    if len(paths) < len(entries):
        return System(entries)
    keys, mean = mean_hits(paths)
    value, drawn = mean.values(), mean.draws()
    ends = {measure: with_interval(value[measure], drawn[measure])[1:] for measure in value}
    return System(entries, keys, mean, ends)


def labels_of(systems: Sequence[System]) -> list[str]:
    """The genres; empty if no entry names them."""
    entries = (entry for system in systems for entry in system.entries)
    return next((list(entry.labels) for entry in entries if entry.labels), [])


def confusions(system: System) -> Integers | None:
    """Sum of the confusion matrices of all seeds (C, C), or None if there is none."""
    matrices = [entry.confusion for entry in system.entries if entry.confusion]
    return np.sum(matrices, axis=0) if matrices else None
