"""What the papers ask, answered pair by pair from the predictions.

A difference is paired: within each bootstrap draw of tracks (Efron & Tibshirani 1993, ch. 16), of
hits that are means over a system's seeds. Where both sides have SEEDS seeds and more, Welch's
t-test over the seeds' accuracies stands beside it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import ttest_ind  # type: ignore[import-untyped]

from ..data import DataError
from ..evaluation.bootstrap import with_interval
from ..evaluation.markdown import number, table
from ..evaluation.measures import draws, values
from ..evaluation.report_product import signed
from ..writing import replace_file
from .systems import System

QUESTIONS = Path(__file__).with_suffix(".toml")
SEEDS = 3  # for a test over them
_LEVEL = 0.05


@dataclass(frozen=True)
class Question:
    """What is asked, and the pairs of systems (one, against the other) that answer it."""

    ask: str
    pairs: tuple[tuple[str, str], ...]
    source: str = ""
    published: str = ""
    better: str = "is better"
    worse: str = "is worse"


@dataclass(frozen=True)
class Compared:
    """One pair: [difference, low, high], and the t-test's p where there are seeds enough."""

    system: System
    against: System
    accuracy: list[float]
    macro_recall: list[float]
    p: float | None

    @property
    def direction(self) -> int:
        """1 better, -1 worse in accuracy; 0 where the interval holds zero."""
        _, low, high = self.accuracy
        return int(low > 0) - int(high < 0)


def all_questions(path: Path = QUESTIONS) -> tuple[Question, ...]:
    """In their order."""
    found = tomllib.loads(path.read_text(encoding="utf-8"))["question"]
    return tuple(Question(**q | {"pairs": tuple((a, b) for a, b in q["pairs"])}) for q in found)


def compare(system: System, against: System) -> Compared:
    """Both must have predictions, of the same tracks: DataError otherwise."""
    mine, other = system.hits, against.hits
    if mine is None or other is None or mine.keys != other.keys:
        raise DataError(f"{system.name} and {against.name} have no predictions of the same tracks")
    sides = [(h.right, h.among_two, mine.true) for h in (mine, other)]
    (value, base), (drawn, drawn_base) = ([of(*s) for s in sides] for of in (values, draws))
    accuracy, macro_recall = (
        with_interval(value[m] - base[m], drawn[m] - drawn_base[m])
        for m in ("accuracy", "macro_recall")
    )
    return Compared(system, against, accuracy, macro_recall, _p(system, against))


def write_questions(systems: Sequence[System], folder: Path) -> Path | None:
    """questions.md, of the pairs that both have predictions; None where there is no such pair."""
    known = {system.name: system for system in systems if system.hits}
    answered = {
        question: [compare(known[a], known[b]) for a, b in question.pairs if known.keys() >= {a, b}]
        for question in all_questions()
    }
    answered = {question: pairs for question, pairs in answered.items() if pairs}
    if not answered:
        return None
    path = folder / "questions.md"
    replace_file(path, document(answered).encode())
    return path


def document(answered: Mapping[Question, Sequence[Compared]]) -> str:
    """Every question with its table and its answer."""
    pairs = sum(map(len, answered.values()))
    parts = [
        "# Questions of the papers",
        "Differences in accuracy and macro recall on the same test tracks, paired, with their 95 % "
        f"bootstrap interval over tracks; p is of Welch's t-test over seeds, where both sides have "
        f"{SEEDS} and more. An interval holds for the networks that were trained: with fewer seeds "
        "it says nothing of what other seeds would give. Were nothing different at all, about one "
        f"pair of twenty would still be shown as different; here are {pairs}.",
    ]
    for question, compared in answered.items():
        parts += [f"## {question.ask}", _told(question), _table(compared)]
        parts.append(answer(question, compared))
    return "\n\n".join(part for part in parts if part) + "\n"


def answer(question: Question, compared: Sequence[Compared]) -> str:
    """One sentence of what the intervals of accuracy show, and no more."""
    words = {1: question.better, -1: question.worse, 0: "no difference shown"}
    parts = []
    for direction, verdict in words.items():
        found = [_figure(c, len(compared) > 1) for c in compared if c.direction == direction]
        if found:
            parts.append(f"{verdict}: {', '.join(found)}")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _figure(compared: Compared, named: bool) -> str:
    text = signed(compared.accuracy)
    if named:
        text = f"`{compared.system.name}` against `{compared.against.name}` {text}"
    # Tracks and seeds may disagree: then both are said.
    if compared.direction and compared.p is not None and compared.p >= _LEVEL:
        text += f", yet no more than seeds differ (p = {compared.p:.2f})"
    return text


def _told(question: Question) -> str:
    told = {"Asked by": question.source, "Published:": question.published}
    return " ".join(f"{words} {text}." for words, text in told.items() if text)


def _table(compared: Sequence[Compared]) -> str:
    rows: list[tuple[Any, ...]] = [
        (
            f"`{c.system.name}` against `{c.against.name}`",
            f"{len(c.system.entries)}, {len(c.against.entries)}",
            f"{number(c.system.value('accuracy'))}, {number(c.against.value('accuracy'))}",
            signed(c.accuracy),
            signed(c.macro_recall),
            number(c.p),
        )
        for c in compared
    ]
    header = ["systems", "seeds", "accuracy", "difference in accuracy", "in macro recall", "p"]
    return table(header, rows)


def _p(system: System, against: System) -> float | None:
    sides = [side.each("accuracy") for side in (system, against)]
    if min(map(len, sides)) < SEEDS or all(np.ptp(side) == 0 for side in sides):
        return None
    return float(ttest_ind(*sides, equal_var=False).pvalue)
