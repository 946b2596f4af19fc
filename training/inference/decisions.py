"""From logits to decisions, as the product makes them: temperature, smoothing, "unsure".

Shared by everything that fits or measures what stands around a network; no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamgenre.model.card import Thresholds
from streamgenre.model.decide import Decider

LOUD = -20.0  # dBFS of every step: the level plays no part in what is fitted
COVERED = 0.72  # share of tracks that get a genre rather than "unsure"
_TEMPERATURES = np.arange(0.5, 5.0, 0.02)

Values = NDArray[np.floating]


@dataclass(frozen=True)
class Decided:
    """The decisions on one run, step by step."""

    labels: list[int | None]  # None where it is unsure, or not music
    smoothed: NDArray[np.float64]  # (steps, C)
    music: NDArray[np.bool_]  # (steps,), whether it was taken for music


def softmax(logits: Values, temperature: float = 1.0) -> NDArray[np.float64]:
    """Probabilities over the last axis."""
    z = np.asarray(logits, np.float64) / temperature
    e = np.exp(z - z.max(-1, keepdims=True))
    return np.asarray(e / e.sum(-1, keepdims=True))


def temperature(runs: Sequence[Values], labels: Sequence[int]) -> float:
    """The temperature of least log loss over all steps (Guo et al. 2017), a run weighing one.

    `runs`: logits (steps, C) each.
    """

    def loss(value: float) -> float:
        return float(
            np.mean(
                [
                    -np.log(softmax(run, value)[:, label] + 1e-12).mean()
                    for run, label in zip(runs, labels, strict=True)
                ]
            )
        )

    return float(min(_TEMPERATURES, key=loss))


def decide(
    probabilities: Values, thresholds: Thresholds, seconds: float, music: Values | None = None
) -> Decided:
    """What the product decides on a stream of steps (steps, C), `seconds` apart; music where not
    said otherwise.
    """
    decider = Decider(thresholds, probabilities.shape[1])
    labels, smoothed, heard = [], [], []
    for t, row in enumerate(probabilities):
        status, label = decider.decide(
            row, 1.0 if music is None else float(music[t]), LOUD, seconds
        )
        labels.append(label)
        smoothed.append(decider.smoothed.copy())
        heard.append(status != "no-music")
    return Decided(labels, np.stack(smoothed), np.array(heard))


def unsure(means: Sequence[Values]) -> float:
    """What the best label's mean probability reaches on COVERED of the tracks, (C,) each.

    At most 0.6: what is that much likelier than all else is not unsure, however sure the rest.
    """
    return round(min(0.6, float(np.quantile([mean.max() for mean in means], 1 - COVERED))), 3)
