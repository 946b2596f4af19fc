"""The new head: L2 logistic regression on standardised features, a track weighing one.

Its strength is chosen by cross-validation inside the tracks that it is fitted on, so that figures
from tracks left out beforehand stay honest (Varma & Simon 2006).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from ..data.split import folds_of
from ..inference import step_weights, weighted_mean
from ..inference.decisions import softmax
from .features import Values

STRENGTHS = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)  # LogisticRegression's C: smaller holds back more
_USUAL = 1e-2  # the one chosen most often
_EACH = 8  # steps of a track at each hop that the fit sees
_INNER_FOLDS = 3
_LEAST_DEVIATION = 1e-2  # a feature that hardly varies here may do so elsewhere


@dataclass(frozen=True)
class Head:
    """A linear layer on what the base gives, and the temperature that calibrates it."""

    weight: NDArray[np.float32]  # (C, F), the standardisation folded in
    bias: NDArray[np.float32]  # (C,)
    reads: tuple[str, ...]  # outputs of the base that it reads, joined in this order
    temperature: float = 1.0

    def logits(self, read: Values) -> NDArray[np.float64]:
        """(..., F) -> (..., C), before the temperature."""
        return np.asarray(read.astype(np.float64) @ self.weight.T.astype(np.float64) + self.bias)


@dataclass(frozen=True)
class Example:
    """One labelled track: what the head may read of it at each hop."""

    runs: tuple[Values, ...]  # (steps, F) for each hop
    lasts: tuple[float, ...]  # for each hop, share of the last step that is audio and not padding
    label: int
    group: str
    music: tuple[Values, ...] = ()  # (steps,) for each hop, the base's opinion


def fit_head(examples: Sequence[Example], reads: tuple[str, ...], strength: float) -> Head:
    """A head for the labels 0 to C - 1, each of which must occur."""
    sampled = [_sampled(example) for example in examples]
    rows = np.concatenate([steps for steps, _ in sampled])
    labels = np.repeat([e.label for e in examples], [len(steps) for steps, _ in sampled])
    weights = np.concatenate([of_steps for _, of_steps in sampled])
    mean = np.average(rows, axis=0, weights=weights)
    deviation = np.sqrt(np.average((rows - mean) ** 2, axis=0, weights=weights))
    scale = 1 / np.maximum(deviation, _LEAST_DEVIATION)
    model = LogisticRegression(C=strength, max_iter=300)  # type: ignore[no-untyped-call]
    # Products as small as these take longer on several threads, much longer beside other work.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)  # nearly there is near enough
        model.fit((rows - mean) * scale, labels, sample_weight=weights)
    weight, bias = model.coef_, model.intercept_
    if len(weight) == 1:  # of two classes it keeps the difference alone
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    weight = weight * scale
    return Head(weight.astype(np.float32), (bias - weight @ mean).astype(np.float32), reads)


def _sampled(example: Example) -> tuple[Values, NDArray[np.float64]]:
    """Some steps at each hop, the first and the last among them, and their weights, which sum to 1.

    The steps are evenly spread (N, F); each is weighted by the new audio that it brings (N,).
    """
    steps, weights = [], []
    for run, last in zip(example.runs, example.lasts, strict=True):
        at = np.linspace(0, len(run) - 1, min(len(run), _EACH)).round().astype(int)
        steps.append(run[at])
        weights.append(step_weights(len(run), last)[at])
    of_steps = np.concatenate(weights)
    return np.concatenate(steps), of_steps / of_steps.sum()


def choose_strength(examples: Sequence[Example], reads: tuple[str, ...]) -> float:
    """The strength of least log loss over tracks left out; the usual one where none can be."""
    splits = folds_of([e.label for e in examples], [e.group for e in examples], _INNER_FOLDS)
    if not splits:
        return _USUAL

    def loss(strength: float) -> float:
        losses: list[float] = []
        for held in splits:
            out = set(held.tolist())
            head = fit_head([e for i, e in enumerate(examples) if i not in out], reads, strength)
            losses += [log_loss(head, examples[i]) for i in held]
        return float(np.mean(losses))

    return min(STRENGTHS, key=loss)


def log_loss(head: Head, example: Example) -> float:
    """Mean over the hops and steps of a track."""
    return float(
        np.mean(
            [
                weighted_mean(-np.log(softmax(head.logits(run))[:, example.label] + 1e-12), last)
                for run, last in zip(example.runs, example.lasts, strict=True)
            ]
        )
    )
