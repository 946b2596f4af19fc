"""The new head: L2 logistic regression on standardised features; every track has the same weight.

Its strength is chosen by cross-validation within the tracks that it is fitted on, so that metrics
on held-out tracks are unbiased (Varma & Simon 2006).
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

STRENGTHS = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)  # C of LogisticRegression: inverse regularisation
_USUAL = 1e-2  # the one chosen most often
_EACH = 8  # steps of a track that are used for the fit, at each hop
_INNER_FOLDS = 3
_LEAST_DEVIATION = 1e-2  # a feature that hardly varies here may vary in other music


@dataclass(frozen=True)
class Head:
    """A linear layer on outputs of the base, and the temperature that calibrates it."""

    weight: NDArray[np.float32]  # (C, F), the standardisation folded in
    bias: NDArray[np.float32]  # (C,)
    reads: tuple[str, ...]  # names of these outputs, concatenated in this order
    temperature: float = 1.0

    def logits(self, read: Values) -> NDArray[np.float64]:
        """(..., F) -> (..., C), before the temperature."""
        return np.asarray(read.astype(np.float64) @ self.weight.T.astype(np.float64) + self.bias)


@dataclass(frozen=True)
class Example:
    """The features of a labelled track at each hop."""

    runs: tuple[Values, ...]  # (steps, F) for each hop
    lasts: tuple[float, ...]  # for each hop, share of the last step that is audio and not padding
    label: int
    group: str
    music: tuple[Values, ...] = ()  # (steps,) for each hop, probability of music


def fit_head(examples: Sequence[Example], reads: tuple[str, ...], strength: float) -> Head:
    """Fit a head for the labels 0 to C - 1, each of which must occur."""
    sampled = [_sampled(example) for example in examples]
    rows = np.concatenate([steps for steps, _ in sampled])
    labels = np.repeat([e.label for e in examples], [len(steps) for steps, _ in sampled])
    weights = np.concatenate([of_steps for _, of_steps in sampled])
    mean = np.average(rows, axis=0, weights=weights)
    deviation = np.sqrt(np.average((rows - mean) ** 2, axis=0, weights=weights))
    scale = 1 / np.maximum(deviation, _LEAST_DEVIATION)
    model = LogisticRegression(C=strength, max_iter=300)  # type: ignore[no-untyped-call]
    # Several threads are slower for matrices of this size, in particular on a busy machine.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)  # close enough
        model.fit((rows - mean) * scale, labels, sample_weight=weights)
    weight, bias = model.coef_, model.intercept_
    if len(weight) == 1:  # for two classes, scikit-learn stores one row
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    weight = weight * scale
    return Head(weight.astype(np.float32), (bias - weight @ mean).astype(np.float32), reads)


def _sampled(example: Example) -> tuple[Values, NDArray[np.float64]]:
    """Evenly spaced steps of all hops (N, F), and their weights (N,), which sum to 1.

    The first and the last step are included. Each is weighted by its amount of new audio.
    """
    steps, weights = [], []
    for run, last in zip(example.runs, example.lasts, strict=True):
        at = np.linspace(0, len(run) - 1, min(len(run), _EACH)).round().astype(int)
        steps.append(run[at])
        weights.append(step_weights(len(run), last)[at])
    of_steps = np.concatenate(weights)
    return np.concatenate(steps), of_steps / of_steps.sum()


def choose_strength(examples: Sequence[Example], reads: tuple[str, ...]) -> float:
    """The strength with the lowest log loss on held-out tracks; the usual one without folds."""
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
    """Log loss of a track, the mean over its hops and steps."""
    return float(
        np.mean(
            [
                weighted_mean(-np.log(softmax(head.logits(run))[:, example.label] + 1e-12), last)
                for run, last in zip(example.runs, example.lasts, strict=True)
            ]
        )
    )
