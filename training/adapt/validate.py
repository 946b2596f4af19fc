"""How well the new head does on tracks left out, and what only such tracks can fit honestly.

Cross-validation keeps groups whole (an artist is never on both sides) and spreads genres evenly.
Temperature (Guo et al. 2017) and the threshold of "unsure" come from the predictions left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from streamgenre.model.card import Thresholds

from ..data import DataError
from ..data.split import folds_of
from ..evaluation.metrics import (
    ClassMetrics,
    TrackMetrics,
    classes,
    confusion,
    plain_metrics,
)
from ..inference import decisions, weighted_mean
from ..inference.decisions import softmax
from .head import Example, choose_strength, fit_head

_FOLDS = 5
_PASSED = 0.02  # share of tracks, and of a track's steps, that may fall below
_CONFUSED = 3  # pairs of genres that are named


@dataclass(frozen=True)
class HeadMetrics:
    """Of one hop, a track by its steps' mean."""

    tracks: TrackMetrics
    chance: float  # share of the largest genre
    classes: Mapping[str, ClassMetrics]
    confusion: Sequence[Sequence[int]]  # row: genre; column: predicted

    def for_card(self) -> dict[str, float]:
        """What the new card carries."""
        accuracy = self.tracks.accuracy
        return {
            "tracks": self.tracks.tracks,
            "accuracy": accuracy.value,
            "accuracy_low": accuracy.low,
            "accuracy_high": accuracy.high,
            "macro_recall": self.tracks.macro_recall.value,
            "chance": self.chance,
        }

    def recall(self, label: str) -> float:
        """Of a genre that has tracks."""
        return self.classes[label].recall or 0.0


@dataclass(frozen=True)
class LeftOut:
    """Logits of every track from a head that did not see it."""

    logits: tuple[tuple[NDArray[np.float64], ...], ...]  # [track][hop]: (steps, C)
    lasts: tuple[tuple[float, ...], ...]  # [track][hop]: share of new audio in the last step
    true: NDArray[np.int64]
    folds: int

    def means(self, hop: int, temperature: float) -> list[NDArray[np.float64]]:
        """Mean probabilities (C,) of each track, its steps weighted by their new audio."""
        return [
            weighted_mean(softmax(runs[hop], temperature), lasts[hop])
            for runs, lasts in zip(self.logits, self.lasts, strict=True)
        ]


def cross_validate(
    examples: Sequence[Example],
    labels: Sequence[str],
    reads: tuple[str, ...],
    folded: Callable[[int, int], None] = lambda now, folds: None,
) -> LeftOut:
    """Every track's logits from the fold that left it out; DataError where a genre has one group.

    `folded` is called with the number of tracks left out so far, and of all.
    """
    for label, name in enumerate(labels):
        groups = {e.group for e in examples if e.label == label}
        if len(groups) < 2:
            raise DataError(
                f"genre {name!r} has {len(groups)} artist or track apart from the others: at least "
                "two are needed to measure it; add tracks of other artists"
            )
    splits = folds_of([e.label for e in examples], [e.group for e in examples], _FOLDS)
    if not splits:
        raise DataError(
            "the artists cannot be divided so that every genre is on both sides; add tracks of "
            "other artists"
        )
    logits: dict[int, tuple[NDArray[np.float64], ...]] = {}
    for held in splits:
        out = set(held.tolist())
        rest = [e for i, e in enumerate(examples) if i not in out]
        head = fit_head(rest, reads, choose_strength(rest, reads))
        logits |= {i: tuple(head.logits(run) for run in examples[i].runs) for i in out}
        folded(len(logits), len(examples))
    return LeftOut(
        tuple(logits[i] for i in range(len(examples))),
        tuple(e.lasts for e in examples),
        np.array([e.label for e in examples]),
        len(splits),
    )


def fit_temperature(left_out: LeftOut) -> float:
    """The temperature of least log loss over all steps, each track and hop weighing one."""
    runs = [run for runs in left_out.logits for run in runs]
    lasts = [last for lasts in left_out.lasts for last in lasts]
    hops = len(left_out.logits[0])
    return decisions.fit_temperature(runs, np.repeat(left_out.true, hops).tolist(), lasts)


def unsure(left_out: LeftOut, hop: int, temperature: float, base: Thresholds) -> Thresholds:
    """The base's thresholds, with doubt as it is on these genres."""
    limit = decisions.unsure_threshold(left_out.means(hop, temperature))
    held = base.hold / base.unsure if base.unsure else 0.0
    return replace(base, unsure=limit, hold=round(held * limit, 3))


def music(examples: Sequence[Example], base: Thresholds) -> float:
    """The base's threshold, or what nearly every track here passes with nearly all its steps.

    A track handed in with a genre is music, whatever the base's own training took for none. A
    padded last step is left out where there are others.
    """
    passed = [
        float(np.quantile(run[:-1] if last < 1 and len(run) > 1 else run, _PASSED))
        for e in examples
        for run, last in zip(e.music, e.lasts, strict=False)
    ]
    return (
        round(min(base.music, 0.9 * float(np.quantile(passed, _PASSED))), 3)
        if passed
        else (base.music)
    )


def without_genre(
    left_out: LeftOut,
    examples: Sequence[Example],
    hop: int,
    temperature: float,
    limits: Thresholds,
    seconds: float,
) -> tuple[int, int]:
    """Tracks that would mostly be taken for no music, and others that would mostly stay unsure."""
    no_music = unsure = 0
    for example, logits in zip(examples, left_out.logits, strict=True):
        last = example.lasts[hop]
        decided = decisions.decide(
            softmax(logits[hop], temperature), limits, seconds, example.music[hop], last
        )
        none = np.array([label is None for label in decided.labels])
        if weighted_mean(decided.music, last) < 0.5:
            no_music += 1
        elif weighted_mean(none, last) > 0.5:
            unsure += 1
    return no_music, unsure


def measure(left_out: LeftOut, hop: int, temperature: float, labels: Sequence[str]) -> HeadMetrics:
    """Accuracy and macro recall with intervals, by genre, confusion."""
    mean = np.stack(left_out.means(hop, temperature))
    counts = np.bincount(left_out.true, minlength=len(labels))
    return HeadMetrics(
        plain_metrics(mean, left_out.true),
        round(float(counts.max() / counts.sum()), 4),
        classes(mean, left_out.true, labels),
        confusion(mean, left_out.true, labels),
    )


def confused(metrics: HeadMetrics, labels: Sequence[str]) -> list[str]:
    """The pairs of genres that are taken for each other most, in words."""
    pairs = [
        (count, labels[true], labels[guess])
        for true, row in enumerate(metrics.confusion)
        for guess, count in enumerate(row)
        if true != guess and count
    ]
    most = sorted(pairs, key=lambda pair: -pair[0])[:_CONFUSED]
    return [f"{true} taken for {guess}: {count}" for count, true, guess in most]
