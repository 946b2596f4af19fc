"""Accuracy as a stream goes on, beside the two baselines that a carried state must beat.

At the same elapsed time: the same network with an empty state at every step, and the running mean
of that. Only what exceeds both is the state's doing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from streamgenre.model.card import Hop

from ..inference import Audio, Run
from .measures import Floats, differences, scored_figures
from .protocols import protocol_figures
from .scored import Scored, groups

ELAPSED = (2.5, 5.0, 10.0, 20.0, 30.0)  # s
KINDS = ("carried", "without_state", "running_mean")
BASELINES = KINDS[1:]

Runs = Mapping[str, Run]


def mean_over_steps(runs: Runs, scored: Scored) -> Floats:
    """Mean of each track's step probabilities (tracks, C), to the five digits that are published.

    Rounded here, so that a file of predictions gives back every figure exactly.
    """
    return np.round(np.stack([runs[key].mean() for key in scored.keys]), 5)


def last_step(runs: Runs, scored: Scored, audio: Audio, hop: Hop) -> Floats:
    """Probabilities of each track's last step that is not padded (tracks, C)."""
    steps = [max(0, len(audio[key]) // hop.samples - 1) for key in scored.keys]
    return np.stack(
        [runs[key].probabilities[step] for key, step in zip(scored.keys, steps, strict=True)]
    )


def windows(runs: Runs, scored: Scored) -> float:
    """Share of a track's steps that are right, mean over the tracks."""
    shares = [
        (runs[key].probabilities.argmax(1) == true).mean()
        for key, true in zip(scored.keys, scored.true, strict=True)
    ]
    return round(float(np.mean(shares)), 4)


def after(carried: Runs, alone: Runs, scored: Scored, audio: Audio, hop: Hop) -> dict[str, Any]:
    """Figures of the step that ends at each of ELAPSED, over the tracks that are long enough.

    "carried_less" has what the carried state exceeds each baseline by, paired.
    """
    found: dict[str, Any] = {}
    for elapsed in ELAPSED:
        steps = int(elapsed / hop.seconds + 1e-6)
        enough = np.array([len(audio[key]) >= steps * hop.samples for key in scored.keys])
        if not steps or not enough.any():
            continue
        long = scored.at(enough)
        reset = [alone[key].probabilities[:steps] for key in long.keys]
        at = {
            "carried": np.stack([carried[key].probabilities[steps - 1] for key in long.keys]),
            "without_state": np.stack([p[-1] for p in reset]),
            "running_mean": np.stack([p.mean(0) for p in reset]),
        }
        found[f"{elapsed:g}"] = {"tracks": len(long.keys)} | {
            kind: scored_figures(at[kind], long) for kind in KINDS
        }
        found[f"{elapsed:g}"]["carried_less"] = {
            kind: differences(at["carried"], at[kind], long.true, long.groups) for kind in BASELINES
        }
    return found


def streaming_figures(
    carried: Runs, alone: Runs, scored: Scored, audio: Audio, hop: Hop
) -> dict[str, Any]:
    """Whole tracks and elapsed times, over all tracks and over each group of them."""
    mean, last = mean_over_steps(carried, scored), last_step(carried, scored, audio, hop)
    masks = groups(scored.tracks, audio)
    return {
        "track_mean": scored_figures(mean, scored),
        "track_last_step": scored_figures(last, scored),
        "track_mean_without_state": scored_figures(mean_over_steps(alone, scored), scored),
        "windows_without_state": windows(alone, scored),
        "windows_with_state": windows(carried, scored),
        "after": after(carried, alone, scored, audio, hop),
        "protocols": protocol_figures(mean, scored),
        "sets": {name: scored_figures(mean[m], scored.at(m)) for name, m in masks.items()},
        "sets_last_step": {
            name: scored_figures(last[m], scored.at(m)) for name, m in masks.items()
        },
        "sets_after": {
            name: after(carried, alone, scored.at(m), audio, hop) for name, m in masks.items()
        },
    }
