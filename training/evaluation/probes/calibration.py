"""Do the probabilities mean what they say, and does "unsure" fall on the right steps?

Expected calibration error over bins of equal mass (Naeini et al. 2015; Nguyen & O'Connor 2015),
beside what a perfectly calibrated model would show on as many steps: labels are drawn from the
predicted probabilities themselves. Steps are drawn one by one, not by track; since the steps of a
track depend on each other, a calibrated model would really show somewhat more. Risk and coverage:
Geifman & El-Yaniv 2017, on the smoothed confidence that the product compares with its threshold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from streamgenre.model.card import ModelCard

from ...inference.decisions import decide
from ..inputs import Scored
from ..metrics import Floats, Integers, Result
from ..presentation import HOP_COLOURS, in_percent, number, percent, single, table
from .curve import Runs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BINS = 10
COVERAGES = (0.8, 0.9, 1.0)
_POINTS = 50  # of the risk-coverage curve, for the plot


class Bin(Result):
    """Mean confidence and accuracy of one bin."""

    confidence: float
    accuracy: float
    steps: int


class RiskCoverage(Result):
    """Share of wrong answers (risk), when only the most confident steps are answered."""

    area: float
    risk_at: Mapping[str, float]  # coverage -> risk
    threshold: float
    coverage_at_threshold: float
    risk_at_threshold: float | None
    curve: tuple[tuple[float, float], ...]  # coverage, risk


class Calibration(Result):
    """Of the steps of all tracks."""

    steps: int
    expected_calibration_error: float
    by_chance: float
    reliability: tuple[Bin, ...]
    risk_coverage: RiskCoverage | None  # None if no step is music


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


def reliability(confidence: Floats, right: NDArray[np.bool_], bins: int = BINS) -> tuple[Bin, ...]:
    """Mean confidence and accuracy of every bin."""
    order = np.argsort(confidence)
    return tuple(
        Bin(
            confidence=round(float(confidence[part].mean()), 4),
            accuracy=round(float(right[part].mean()), 4),
            steps=len(part),
        )
        for part in np.split(order, _edges(len(order), bins)[1:])
    )


def risk_coverage(
    confidence: Floats, right: NDArray[np.bool_], threshold: float
) -> RiskCoverage | None:
    """Risk at every coverage, at COVERAGES and at the threshold; None without steps."""
    if not len(confidence):
        return None
    order = np.argsort(-confidence, kind="stable")
    coverage = np.arange(1, len(order) + 1) / len(order)
    risk = np.cumsum(~right[order]) / np.arange(1, len(order) + 1)
    shown = np.unique(np.linspace(0, len(order) - 1, _POINTS + 1).astype(int)[1:])
    answered = int((confidence >= threshold).sum())
    at = {f"{c:g}": round(float(risk[int(np.ceil(c * len(order))) - 1]), 4) for c in COVERAGES}
    return RiskCoverage(
        area=round(float(risk.mean()), 4),
        risk_at=at,
        threshold=threshold,
        coverage_at_threshold=round(answered / len(order), 4),
        risk_at_threshold=round(float(risk[answered - 1]), 4) if answered else None,
        curve=tuple((round(float(coverage[i]), 4), round(float(risk[i]), 4)) for i in shown),
    )


def measure(runs: Runs, scored: Scored, card: ModelCard, hop: float) -> Calibration:
    """Calibration over the steps of the tracks; padded ones only of tracks without others."""
    whole = [runs[key].whole for key in scored.keys]
    parts = [
        (runs[key].probabilities[:steps], runs[key].music[:steps])
        for key, steps in zip(scored.keys, whole, strict=True)
    ]
    probabilities = np.concatenate([of_track for of_track, _ in parts])
    true: Integers = np.repeat(scored.true, whole)
    confidence, right = probabilities.max(1), probabilities.argmax(1) == true
    decided = [decide(of_track, card.thresholds, hop, music) for of_track, music in parts]
    # A step that is taken for no music gets no genre, right or wrong: it is not part of the risk.
    music = np.concatenate([run.music for run in decided])
    smooth = np.concatenate([run.smoothed for run in decided])[music]
    return Calibration(
        steps=len(true),
        expected_calibration_error=round(calibration_error(confidence, right), 4),
        by_chance=round(chance_error(confidence), 4),
        reliability=reliability(confidence, right),
        risk_coverage=risk_coverage(
            smooth.max(1), smooth.argmax(1) == true[music], card.thresholds.unsure
        ),
    )


def summary(c: Calibration) -> list[str]:
    """Sentences for the head of the report."""
    risk = c.risk_coverage
    lines = [
        "A probability is off from the share that is right by "
        f"{c.expected_calibration_error:.3f} on average; it would be {c.by_chance:.3f} if "
        "perfectly calibrated."
    ]
    if risk is not None and risk.risk_at_threshold is not None:
        lines.append(
            f"{percent(risk.coverage_at_threshold)} of the music's steps get a genre rather "
            f'than "unsure"; {percent(risk.risk_at_threshold)} of those are wrong.'
        )
    return lines


def section(hops: Mapping[str, Calibration]) -> list[str]:
    """Calibration and doubt, at every hop."""
    rows = []
    for hop, c in hops.items():
        doubt = ("–", "–", "–")
        if (risk := c.risk_coverage) is not None:
            doubt = (
                number(risk.area),
                " / ".join(number(r) for r in risk.risk_at.values()),
                f"{number(risk.risk_at_threshold)} of {number(risk.coverage_at_threshold)}",
            )
        errors = number(c.expected_calibration_error), number(c.by_chance)
        rows.append((f"{hop} s", c.steps, *errors, *doubt))
    if not rows:
        return []
    header = ["steps of", "steps", "calibration error", "if perfectly calibrated"]
    header += ["area under risk-coverage", "wrong at coverage 0.8 / 0.9 / 1", "at the threshold"]
    return [
        "## Calibration and doubt",
        "[picture: reliability]",
        "[picture: risk-coverage]",
        table(header, rows),
        "Calibration error: how far a probability is on average from the share that is right; "
        "beside it what a perfectly calibrated model would show on so many steps. Area under "
        "risk-coverage: the share wrong of what gets a genre, averaged over giving it to few steps "
        "(the most confident) up to all; 0 is best. At the threshold: the share wrong of the share "
        'that gets a genre rather than "unsure".',
    ]


def plot_reliability(hops: Mapping[str, Calibration]) -> Figure | None:
    """Accuracy against confidence in bins of equal mass."""
    if not hops:
        return None
    figure, axes = single(5.0, 4.6)
    axes.plot([0, 1], [0, 1], color="black", lw=0.8, ls="--", label="perfectly calibrated")
    for colour, (hop, c) in zip(HOP_COLOURS, hops.items(), strict=False):
        axes.plot(
            [b.confidence for b in c.reliability],
            [b.accuracy for b in c.reliability],
            color=colour,
            marker="o",
            markersize=4,
            label=f"steps of {hop} s: error {c.expected_calibration_error:.3f}, "
            f"if perfectly calibrated {c.by_chance:.3f}",
        )
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    axes.set_aspect("equal")
    in_percent(axes.xaxis)
    axes.set_xlabel("probability of the best genre")
    axes.set_ylabel("share of steps that are right")
    axes.legend(frameon=False, fontsize=7, loc="lower right")
    return figure


def plot_risk_coverage(hops: Mapping[str, Calibration]) -> Figure | None:
    """Share wrong against share answered; the point is the card's threshold for "unsure"."""
    if not hops:
        return None
    figure, axes = single()
    for colour, (hop, c) in zip(HOP_COLOURS, hops.items(), strict=False):
        if (risk := c.risk_coverage) is None:
            continue
        name = f"steps of {hop} s (area {risk.area:.3f})"
        axes.plot(*np.array(risk.curve).T, color=colour, label=name)
        if risk.risk_at_threshold is not None:
            axes.plot(risk.coverage_at_threshold, risk.risk_at_threshold, "o", color=colour)
    axes.plot([], [], "o", color="#7a7a7a", label='threshold for "unsure"')
    axes.set_xlim(0, 1.02)
    top = max(0.05, axes.get_ylim()[1])
    axes.set_ylim(-0.02 * top, top)  # a curve at nothing wrong is not to hide in the axis
    in_percent(axes.xaxis)
    axes.set_xlabel("steps that get a genre, most confident first")
    axes.set_ylabel("share of them that is wrong")
    figure.legend(frameon=False, fontsize=8, loc="outside upper center", ncols=2)
    return figure
