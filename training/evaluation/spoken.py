"""On how many tracks does the product say a genre, and is it right when it does?

A track's status and genre are those of its timeline: the mean over its music steps, "unsure" below
the card's threshold. Risk and coverage (Geifman & El-Yaniv 2017) by the confidence of that mean:
what is no music has none.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamgenre.model.timeline import Verdict

from .bootstrap import Groups, mean_draws, ratio_draws, with_interval
from .measures import accepted
from .replay import Timelines
from .scored import Scored

COVERAGES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def spoken(timelines: Timelines, scored: Scored) -> dict[str, Any]:
    """Shares over the tracks of `scored`, at the card's threshold and at every coverage."""
    verdicts = [timelines[key].verdict() for key in scored.keys]
    top = np.array([_top(verdict) for verdict in verdicts])
    said = np.array([verdict.genre is not None for verdict in verdicts])
    right = top == scored.true
    confidence = np.array([v.confidence * (v.status != "no-music") for v in verdicts])
    groups, either = scored.groups, accepted(top, scored.true, scored.second)
    counts = Counter(verdict.status for verdict in verdicts)
    threshold = timelines[scored.keys[0]].card.thresholds.unsure
    return {
        "tracks": len(said),
        "threshold": threshold,
        "said": with_interval(float(said.mean()), mean_draws(said, groups)),
        "right_where_said": _share(right & said, said, groups),
        "either_where_said": _share(either & said, said, groups),
        "said_and_right": with_interval(
            float((right & said).mean()), mean_draws(right & said, groups)
        ),
        "unsure": counts["unsure"],
        "no_music": counts["no-music"],
        "risk_coverage": coverage_table(confidence, right, either, groups),
    }


def coverage_table(
    confidence: NDArray[np.float64],
    right: NDArray[np.bool_],
    either: NDArray[np.bool_],
    groups: Groups,
) -> list[dict[str, Any]]:
    """The share right of the most confident tracks, at each of COVERAGES.

    "threshold" is the confidence of the last track that still gets its genre; "either" counts a
    second acceptable genre as right.
    """
    order = np.argsort(-confidence, kind="stable")
    rows = []
    for coverage in COVERAGES:
        count = int(np.ceil(coverage * len(order) - 1e-9))
        chosen = order[:count]
        rows.append(
            {
                "coverage": coverage,
                "tracks": count,
                "threshold": round(float(confidence[order[count - 1]]), 4),
                "right": _mean(right[chosen], groups[chosen]),
                "either": _mean(either[chosen], groups[chosen]),
            }
        )
    return rows


def _top(verdict: Verdict) -> int:
    return int(np.argmax(list(verdict.probabilities.values())))


def _mean(values: NDArray[np.bool_], groups: Groups) -> list[float]:
    return with_interval(float(values.mean()), mean_draws(values, groups))


def _share(
    parts: NDArray[np.bool_], wholes: NDArray[np.bool_], groups: Groups
) -> list[float] | None:
    if not wholes.any():
        return None
    return with_interval(float(parts.sum() / wholes.sum()), ratio_draws(parts, wholes, groups))
