"""The questions of the papers, answered by comparisons of pairs of systems.

For genres, the difference in accuracy is paired within each bootstrap draw of tracks (Efron &
Tibshirani 1993, ch. 16), using hits that are means over the seeds of a system. For tags, the
difference in ROC-AUC is paired by tag, with an interval over draws of tags. If both systems have at
least SEEDS seeds, the p-value of Welch's t-test over seeds is given, too.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy.stats import ttest_ind  # type: ignore[import-untyped]

from ..data import DataError
from ..evaluation.metrics import Estimate, mean_draws, with_interval
from .systems import System

QUESTIONS = Path(__file__).with_suffix(".toml")
SEEDS = 3  # required for the t-test
LEVEL = 0.05  # significance level
MEASURES = {"genre": "accuracy", "tags": "roc_auc"}


@dataclass(frozen=True)
class Question:
    """A question, and the pairs of systems (system, reference) that answer it."""

    ask: str
    pairs: tuple[tuple[str, str], ...]
    source: str = ""
    published: str = ""
    better: str = "better"
    worse: str = "worse"


@dataclass(frozen=True)
class Compared:
    """The comparison of a pair of systems."""

    system: System
    against: System
    difference: Estimate  # of the metric of their task
    macro_recall: Estimate | None  # for genres
    p: float | None  # of the t-test; None for too few seeds

    @property
    def direction(self) -> int:
        """The sign of the difference."""
        return sign(self.difference)


def all_questions(path: Path = QUESTIONS) -> tuple[Question, ...]:
    """Read all questions in order."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))["question"]
    return tuple(Question(**q | {"pairs": tuple((a, b) for a, b in q["pairs"])}) for q in tables)


def answered(systems: Sequence[System]) -> dict[Question, list[Compared]]:
    """Questions with the comparisons of their pairs that have results."""
    known = {system.name: system for system in systems if system.hits or areas(system)}
    pairs_of = {
        question: [compare(known[a], known[b]) for a, b in question.pairs if known.keys() >= {a, b}]
        for question in all_questions()
    }
    return {question: pairs for question, pairs in pairs_of.items() if pairs}


def compare(system: System, against: System) -> Compared:
    """Compare a pair. Raises DataError unless both have predicted the same tracks or tags."""
    p = _p(system, against)
    if system.task == against.task == "tags":
        return Compared(system, against, _tag_by_tag(system, against), None, p)
    mine, other = system.hits, against.hits
    if mine is None or other is None or system.keys != against.keys:
        raise DataError(f"{system.name} and {against.name} have no predictions for the same tracks")
    differences = {m: with_interval(*d) for m, d in mine.less(other).items()}
    return Compared(system, against, differences["accuracy"], differences["macro_recall"], p)


def seeds_apart(systems: Iterable[Sequence[System]]) -> tuple[int, int]:
    """Numbers of pairs of seeds of one system with a significant difference, and of all pairs.

    This is the false positive rate of a comparison of single seeds. `systems`: a System per seed.
    Pairs without any difference are left out.
    """
    pairs = [compare(*pair) for seeds in systems for pair in combinations(seeds, 2)]
    drawn = [pair for pair in pairs if any(pair.difference)]
    return sum(pair.direction != 0 for pair in drawn), len(drawn)


def sign(difference: Estimate) -> int:
    """1 for better, -1 for worse, 0 if the interval contains zero."""
    return int(difference.low > 0) - int(difference.high < 0)


def _tag_by_tag(system: System, against: System) -> Estimate:
    mine, other = areas(system), areas(against)
    if mine.keys() != other.keys():
        raise DataError(f"{system.name} and {against.name} were trained on different tags")
    apart = np.array([mine[tag] - other[tag] for tag in mine])
    return with_interval(float(apart.mean()), mean_draws(apart))


def areas(system: System) -> dict[str, float]:
    """ROC-AUC of each tag, the mean over seeds; empty for systems that predict genres."""
    of_tag: dict[str, list[float]] = {}
    for entry in system.entries:
        for tag, metrics in (entry.tags or {}).items():
            if metrics.roc_auc is not None:
                of_tag.setdefault(tag, []).append(metrics.roc_auc)
    return {tag: float(np.mean(areas)) for tag, areas in of_tag.items()}


def _p(system: System, against: System) -> float | None:
    sides = [side.each(MEASURES[side.task]) for side in (system, against)]
    if min(map(len, sides)) < SEEDS or all(np.ptp(side) == 0 for side in sides):
        return None
    return float(ttest_ind(*sides, equal_var=False).pvalue)
