"""From logits to decisions, as in `streamgenre`: temperature, smoothing, and "unsure".

Used for fitting and for evaluation. Needs no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamgenre.model.card import Thresholds
from streamgenre.model.decide import Decider

from .streaming import step_weights, weighted_mean

LOUD = -20.0  # dBFS of every step, so that the silence threshold has no effect
COVERED = 0.72  # coverage: share of tracks with a genre rather than "unsure"
_TEMPERATURES = np.arange(0.5, 5.0, 0.02)

Values = NDArray[np.floating]


@dataclass(frozen=True)
class Decisions:
    """The decisions for one track, step by step."""

    labels: list[int | None]  # None for unsure or non-music
    smoothed: NDArray[np.float64]  # (steps, C)
    music: NDArray[np.bool_]  # (steps,)


def softmax(logits: Values, temperature: float = 1.0) -> NDArray[np.float64]:
    """Probabilities over the last axis."""
    z = np.asarray(logits, np.float64) / temperature
    e = np.exp(z - z.max(-1, keepdims=True))
    return np.asarray(e / e.sum(-1, keepdims=True))


def sigmoid(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Probabilities of independent logits."""
    return np.asarray(1 / (1 + np.exp(-logits.astype(np.float64))))


def fit_temperature(runs: Sequence[Values], labels: Sequence[int], lasts: Sequence[float]) -> float:
    """Return the temperature with the lowest log loss (Guo et al. 2017).

    `runs` are the logits (steps, C) of each track, `lasts` the shares of new audio in their last
    steps. Every track has the same weight.
    """

    def loss(value: float) -> float:
        return float(
            np.mean(
                [
                    weighted_mean(-np.log(softmax(run, value)[:, label] + 1e-12), last)
                    for run, label, last in zip(runs, labels, lasts, strict=True)
                ]
            )
        )

    return float(min(_TEMPERATURES, key=loss))


def decide(
    probabilities: Values,
    thresholds: Thresholds,
    seconds: float,
    music: Values | None = None,
    last: float = 1.0,
) -> Decisions:
    """Decide on a stream of steps (steps, C) with an interval of `seconds`.

    `music` (steps,) is the probability of music, 1 by default; `last` is the share of new audio in
    the last step.
    """
    decider = Decider(thresholds, probabilities.shape[1])
    labels, smoothed, is_music = [], [], []
    new = seconds * step_weights(len(probabilities), last)
    for t, row in enumerate(probabilities):
        status, label = decider.decide(
            row, 1.0 if music is None else float(music[t]), LOUD, float(new[t])
        )
        labels.append(label)
        smoothed.append(decider.smoothed.copy())
        is_music.append(status != "no-music")
    return Decisions(labels, np.stack(smoothed), np.array(is_music))


def unsure_threshold(means: Sequence[Values]) -> float:
    """Return the threshold that the mean probability of the best label exceeds for COVERED tracks.

    It is at most 0.6, because a label with a higher probability is not uncertain.
    """
    return round(min(0.6, float(np.quantile([mean.max() for mean in means], 1 - COVERED))), 3)
