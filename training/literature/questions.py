"""What the papers ask, answered pair by pair from the predictions.

Genres: the difference in accuracy is paired within each bootstrap draw of tracks (Efron &
Tibshirani 1993, ch. 16), of hits that are means over a system's seeds. Tags: that in ROC-AUC is
paired tag by tag, and its interval is over draws of tags. Where both sides have SEEDS seeds and
more, Welch's t-test over the seeds' figures stands beside it.
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
from ..evaluation.metrics import Estimate, draws, mean_draws, values, with_interval
from .systems import System

QUESTIONS = Path(__file__).with_suffix(".toml")
SEEDS = 3  # for a test over them
LEVEL = 0.05  # below which p is taken for a difference
MEASURES = {"genre": "accuracy", "tags": "roc_auc"}


@dataclass(frozen=True)
class Question:
    """What is asked, and the pairs of systems (one, against the other) that answer it."""

    ask: str
    pairs: tuple[tuple[str, str], ...]
    source: str = ""
    published: str = ""
    better: str = "better"
    worse: str = "worse"


@dataclass(frozen=True)
class Compared:
    """One pair: the difference, and the t-test's p where there are seeds enough."""

    system: System
    against: System
    difference: Estimate  # in the measure of their task
    macro_recall: Estimate | None  # of genres
    p: float | None

    @property
    def direction(self) -> int:
        """The sign of the difference."""
        return sign(self.difference)


def all_questions(path: Path = QUESTIONS) -> tuple[Question, ...]:
    """In their order."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))["question"]
    return tuple(Question(**q | {"pairs": tuple((a, b) for a, b in q["pairs"])}) for q in tables)


def answered(systems: Sequence[System]) -> dict[Question, list[Compared]]:
    """The questions of which there are pairs with results, and those pairs."""
    known = {system.name: system for system in systems if system.hits or areas(system)}
    pairs_of = {
        question: [compare(known[a], known[b]) for a, b in question.pairs if known.keys() >= {a, b}]
        for question in all_questions()
    }
    return {question: pairs for question, pairs in pairs_of.items() if pairs}


def compare(system: System, against: System) -> Compared:
    """Raises DataError where the two have not predicted the same tracks or tags."""
    p = _p(system, against)
    if system.task == against.task == "tags":
        return Compared(system, against, _tag_by_tag(system, against), None, p)
    mine, other = system.hits, against.hits
    if mine is None or other is None or mine.keys != other.keys:
        raise DataError(f"{system.name} and {against.name} have no predictions of the same tracks")
    sides = [(h.right, h.among_two, mine.true) for h in (mine, other)]
    value, base = (values(*side) for side in sides)
    drawn, drawn_base = (draws(*side) for side in sides)
    accuracy, macro_recall = (
        with_interval(value[m] - base[m], drawn[m] - drawn_base[m])
        for m in ("accuracy", "macro_recall")
    )
    return Compared(system, against, accuracy, macro_recall, p)


def seeds_apart(systems: Iterable[Sequence[System]]) -> tuple[int, int]:
    """Pairs of seeds of one system, each a System, that are shown as different; and all pairs.

    It is how often a comparison of one seed a side finds what is not there. Seeds that make no
    difference at all are left out.
    """
    pairs = [compare(*pair) for seeds in systems for pair in combinations(seeds, 2)]
    drawn = [pair for pair in pairs if any(pair.difference)]
    return sum(pair.direction != 0 for pair in drawn), len(drawn)


def sign(difference: Estimate) -> int:
    """1 better, -1 worse; 0 where the interval holds zero."""
    return int(difference.low > 0) - int(difference.high < 0)


def _tag_by_tag(system: System, against: System) -> Estimate:
    mine, other = areas(system), areas(against)
    if mine.keys() != other.keys():
        raise DataError(f"{system.name} and {against.name} have not learnt the same tags")
    apart = np.array([mine[tag] - other[tag] for tag in mine])
    return with_interval(float(apart.mean()), mean_draws(apart))


def areas(system: System) -> dict[str, float]:
    """ROC-AUC of each tag, mean over seeds; none of systems that predict genres."""
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
