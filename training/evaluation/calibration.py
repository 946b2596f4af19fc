"""Do the probabilities mean what they say, and does "unsure" fall on the right steps?

Expected calibration error over bins of equal mass (Naeini et al. 2015; Nguyen & O'Connor 2015),
beside what a perfectly calibrated model would show on as many steps: labels are drawn from the
predicted probabilities themselves. Steps are drawn one by one, not by track; since a track's steps
hang together, a calibrated model would really show somewhat more. Risk and coverage: Geifman &
El-Yaniv 2017, on the smoothed confidence that the product compares with its threshold.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamgenre.model.card import ModelCard

from ..inference.decisions import decide
from .curve import Runs
from .measures import Floats, Integers
from .scored import Scored

BINS = 10
COVERAGES = (0.8, 0.9, 1.0)
_POINTS = 50  # of the risk-coverage curve, for the plot


def calibration_error(confidence: Floats, right: NDArray[np.bool_], bins: int = BINS) -> float:
    """Mean gap between confidence and accuracy over bins of equal mass."""
    order = np.argsort(confidence)
    return _error(confidence[order], right[order], bins)


def chance_error(confidence: Floats, bins: int = BINS, draws: int = 200, seed: int = 0) -> float:
    """The error that perfect calibration shows on so many steps.

    A label drawn from a step's probabilities is the best one with the confidence's probability.
    """
    ordered = np.sort(confidence)
    rng = np.random.default_rng(seed)
    drawn = (rng.random(len(ordered)) < ordered for _ in range(draws))
    return float(np.mean([_error(ordered, right, bins) for right in drawn]))


def _error(ordered: Floats, right: NDArray[np.bool_], bins: int) -> float:
    """The error of steps by rising confidence."""
    gaps = np.add.reduceat(right - ordered.astype(np.float64), _edges(len(ordered), bins))
    return float(np.abs(gaps).sum() / len(ordered))


def _edges(steps: int, bins: int) -> NDArray[np.int64]:
    """Where each bin begins; no bin is empty."""
    return np.arange(min(bins, steps)) * steps // min(bins, steps)


def reliability(
    confidence: Floats, right: NDArray[np.bool_], bins: int = BINS
) -> list[dict[str, float]]:
    """Mean confidence and accuracy of every bin."""
    order = np.argsort(confidence)
    return [
        {
            "confidence": round(float(confidence[part].mean()), 4),
            "accuracy": round(float(right[part].mean()), 4),
            "steps": len(part),
        }
        for part in np.split(order, _edges(len(order), bins)[1:])
    ]


def risk_coverage(confidence: Floats, right: NDArray[np.bool_], threshold: float) -> dict[str, Any]:
    """Share wrong of what is answered, when only the most confident steps are."""
    order = np.argsort(-confidence, kind="stable")
    coverage = np.arange(1, len(order) + 1) / len(order)
    risk = np.cumsum(~right[order]) / np.arange(1, len(order) + 1)
    shown = np.unique(np.linspace(0, len(order) - 1, _POINTS + 1).astype(int)[1:])
    answered = int((confidence >= threshold).sum())
    at = {f"{c:g}": round(float(risk[int(np.ceil(c * len(order))) - 1]), 4) for c in COVERAGES}
    return {
        "area": round(float(risk.mean()), 4),
        "risk_at": at,
        "threshold": threshold,
        "coverage_at_threshold": round(answered / len(order), 4),
        "risk_at_threshold": round(float(risk[answered - 1]), 4) if answered else None,
        "curve": [[round(float(coverage[i]), 4), round(float(risk[i]), 4)] for i in shown],
    }


def calibration(runs: Runs, scored: Scored, card: ModelCard, hop: float) -> dict[str, Any]:
    """All of it over the steps of the tracks."""
    probabilities = np.concatenate([runs[key].probabilities for key in scored.keys])
    true: Integers = np.repeat(scored.true, [len(runs[key].probabilities) for key in scored.keys])
    confidence, right = probabilities.max(1), probabilities.argmax(1) == true
    decided = [
        decide(runs[key].probabilities, card.thresholds, hop, runs[key].music)
        for key in scored.keys
    ]
    # What is taken for no music gets no genre, right or wrong: it is not part of the risk.
    heard = np.concatenate([run.music for run in decided])
    smooth = np.concatenate([run.smoothed for run in decided])[heard]
    return {
        "steps": len(true),
        "expected_calibration_error": round(calibration_error(confidence, right), 4),
        "by_chance": round(chance_error(confidence), 4),
        "reliability": reliability(confidence, right),
        "risk_coverage": risk_coverage(
            smooth.max(1), smooth.argmax(1) == true[heard], card.thresholds.unsure
        ),
    }
