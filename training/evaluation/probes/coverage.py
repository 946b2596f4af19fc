"""Coverage: how many tracks get a genre, and how often it is right.

A track's status and genre are those of its timeline: the mean over its music steps, "unsure" below
the card's threshold. Risk and coverage (Geifman & El-Yaniv 2017) by the confidence of that mean,
which is zero for a track without music.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from streamgenre.model.timeline import Verdict

from ..inputs import Scored
from ..metrics import Estimate, Groups, Result, accepted, mean_draws, ratio_draws, with_interval
from ..presentation import percent, table
from .replay import Timelines

COVERAGES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


class CoveragePoint(Result):
    """Accuracy over the most confident tracks."""

    coverage: float
    tracks: int
    threshold: float  # confidence of the last track that still gets its genre
    accuracy: Estimate = Field(alias="right")
    either_accuracy: Estimate | None = Field(default=None, alias="either")
    """A second acceptable genre counts as right."""


class Coverage(Result):
    """Shares of tracks; accuracies are None where no track gets a genre."""

    tracks: int
    threshold: float
    answered: Estimate = Field(alias="said")
    accuracy: Estimate | None = Field(alias="right_where_said")
    either_accuracy: Estimate | None = Field(default=None, alias="either_where_said")
    answered_and_right: Estimate = Field(alias="said_and_right")
    unsure: int
    no_music: int
    points: tuple[CoveragePoint, ...] = Field(alias="risk_coverage")


def measure(timelines: Timelines, scored: Scored) -> Coverage:
    """Shares over the tracks of `scored`, at the card's threshold and at every coverage."""
    verdicts = [timelines[key].verdict() for key in scored.keys]
    top = np.array([_top(verdict) for verdict in verdicts])
    answered = np.array([verdict.genre is not None for verdict in verdicts])
    right = top == scored.true
    confidence = np.array([v.confidence * (v.status != "no-music") for v in verdicts])
    groups, either = scored.groups, accepted(top, scored.true, scored.second)
    counts = Counter(verdict.status for verdict in verdicts)
    threshold = timelines[scored.keys[0]].card.thresholds.unsure
    return Coverage(
        tracks=len(answered),
        threshold=threshold,
        answered=_mean(answered, groups),
        accuracy=_share(right & answered, answered, groups),
        either_accuracy=_share(either & answered, answered, groups),
        answered_and_right=_mean(right & answered, groups),
        unsure=counts["unsure"],
        no_music=counts["no-music"],
        points=coverage_points(confidence, right, either, groups),
    )


def coverage_points(
    confidence: NDArray[np.float64],
    right: NDArray[np.bool_],
    either: NDArray[np.bool_],
    groups: Groups,
) -> tuple[CoveragePoint, ...]:
    """Accuracy over the most confident tracks, at each of COVERAGES."""
    order = np.argsort(-confidence, kind="stable")
    points = []
    for coverage in COVERAGES:
        count = int(np.ceil(coverage * len(order) - 1e-9))
        chosen = order[:count]
        points.append(
            CoveragePoint(
                coverage=coverage,
                tracks=count,
                threshold=round(float(confidence[order[count - 1]]), 4),
                accuracy=_mean(right[chosen], groups[chosen]),
                either_accuracy=_mean(either[chosen], groups[chosen]),
            )
        )
    return tuple(points)


def summary(c: Coverage) -> list[str]:
    """A sentence for the head of the report."""
    if c.accuracy is None:
        return []
    return [
        f"A genre is given to {percent(c.answered.value)} of the tracks, and is right in "
        f"{percent(c.accuracy.value)} of those."
    ]


def section(hops: Mapping[str, Coverage]) -> list[str]:
    """Genre or "unsure", per track."""
    if not hops:
        return []
    rows = [
        (
            f"{hop} s",
            c.tracks,
            c.answered,
            c.accuracy or "–",
            c.answered_and_right,
            c.unsure,
            c.no_music,
        )
        for hop, c in hops.items()
    ]
    header = ["steps of", "tracks", "gets a genre", "right where it does", "gets the right one"]
    covered = [
        (
            f"{percent(points[0].coverage)} of the tracks",
            *(f"{p.accuracy}, {p.tracks} tracks from {p.threshold:.2f} on" for p in points),
        )
        for points in zip(*(c.points for c in hops.values()), strict=True)
    ]
    return [
        "## What is said of a track",
        'The verdict on the whole track, as a file\'s: a genre, "unsure" or "no music".',
        table([*header, "unsure", "no music"], rows),
        "The share right when only the most confident tracks get their genre; the confidence from "
        "which on they do stands with it.",
        table(["answered", *(f"right, steps of {hop} s" for hop in hops)], covered),
    ]


def _top(verdict: Verdict) -> int:
    return int(np.argmax(list(verdict.probabilities.values())))


def _mean(values: NDArray[np.bool_], groups: Groups) -> Estimate:
    return with_interval(float(values.mean()), mean_draws(values, groups))


def _share(parts: NDArray[np.bool_], wholes: NDArray[np.bool_], groups: Groups) -> Estimate | None:
    if not wholes.any():
        return None
    return with_interval(float(parts.sum() / wholes.sum()), ratio_draws(parts, wholes, groups))
