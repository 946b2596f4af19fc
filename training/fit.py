"""What stands around a trained network: temperature, thresholds, smoothing. Fitted on `valid`."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from streamgenre.model.card import Thresholds
from streamgenre.model.model import Model

from .data import SAMPLE_RATE, Track
from .decisions import decide, softmax, temperature, unsure
from .evaluation.recovery import draw_pairs
from .evaluation.streaming import stream_tracks
from .model import UNFITTED, Calibration


def smoothing(
    mixes: Sequence[np.ndarray], truth: Sequence[np.ndarray], seconds: float
) -> tuple[Thresholds, list[dict[str, float]]]:
    """Smoothing and margin for mixes of two tracks: nearly the most steps right, fewest switches.

    The grid's figures come along: share of steps right, and switches a minute beyond the one.
    """
    grid = []
    for tau, margin in itertools.product((0.25, 1.0, 2.0, 4.0, 6.0), (0.0, 0.05, 0.1, 0.2)):
        limits = replace(UNFITTED, smoothing=tau, margin=margin)
        decisions = [decide(mix, limits, seconds).labels for mix in mixes]
        steps = [
            pair
            for ds, ts in zip(decisions, truth, strict=True)
            for pair in zip(ds, ts, strict=True)
        ]
        right = np.mean([decided == true for decided, true in steps])
        # Each mix has one true change; a mix that missed it does not pay for another's flicker.
        counts = [sum(a != b for a, b in itertools.pairwise(ds)) for ds in decisions]
        switches = sum(max(0, count - 1) for count in counts)
        minutes = sum(len(ds) for ds in decisions) * seconds / 60
        grid.append(
            {
                "smoothing": tau,
                "margin": margin,
                "right": round(float(right), 4),
                "false_switches_a_minute": round(switches / minutes, 3),
            }
        )
    best = max(row["right"] for row in grid)
    # Two points of time right are little against a display that jumps every ten seconds.
    close = [row for row in grid if row["right"] >= best - 0.02]
    chosen = min(close, key=lambda row: row["false_switches_a_minute"])
    return replace(UNFITTED, smoothing=chosen["smoothing"], margin=chosen["margin"]), grid


def fit(
    model: Model,
    audio: Mapping[str, np.ndarray],
    tracks: Sequence[Track],
    not_music: Mapping[str, np.ndarray],
) -> Calibration:
    """Temperature and thresholds for a model whose temperature is 1, at its hop for live audio.

    `tracks` with a genre each; `not_music` recordings without music, int16.
    """
    card, engine = model.card, model.engine
    hop = card.hop(card.live_hop)
    keys, labels = [t.key for t in tracks], [card.label_names.index(t.genre) for t in tracks]
    runs = stream_tracks(engine, audio, keys, hop)
    logits = {key: np.log(run.probabilities + 1e-12) for key, run in runs.items()}
    heat = temperature([logits[k] for k in keys], labels)
    # A mix costs as much as two tracks; a small data set needs no more of them than it has tracks.
    chosen = draw_pairs(labels, min(150, 4 * len(keys)))
    cut = {f"{a}+{b}": _join(audio[keys[a]], audio[keys[b]], hop.samples) for a, b in chosen}
    mixed = stream_tracks(engine, cut, list(cut), hop)
    mixes = [softmax(np.log(mixed[name].probabilities + 1e-12), heat) for name in cut]
    truth = [
        np.where(
            np.arange(len(mix)) < len(_head(audio[keys[a]], hop.samples)) // hop.samples,
            labels[a],
            labels[b],
        )
        for (a, b), mix in zip(chosen, mixes, strict=True)
    ]
    # Tracks of a single genre give no mixes.
    thresholds, grid = smoothing(mixes, truth, hop.seconds) if mixes else (UNFITTED, [])
    decided = [decide(softmax(logits[k], heat), thresholds, hop.seconds) for k in keys]
    silent = stream_tracks(engine, not_music, list(not_music), hop)
    # Of single steps, the harder case: what is decided on is smoothed. The first windows of a clip
    # are left out where there are others: they are mostly the silence before it.
    yes = np.concatenate([run.music[min(4, len(run.music) - 1) :] for run in runs.values()])
    no = np.concatenate([run.music for run in silent.values()])
    limits = np.arange(0.05, 0.96, 0.01)
    music = float(min(limits, key=lambda t: (yes < t).mean() + (no >= t).mean()))
    thresholds = replace(thresholds, unsure=unsure(decided), music=round(music, 3))
    figures = {
        "tracks": len(keys),
        "music_missed": float((yes < music).mean()),
        "not_music_passed": float((no >= music).mean()),
        "smoothing_grid": grid,
    }
    return Calibration(heat, thresholds, figures)


def _head(samples: np.ndarray, hop: int) -> np.ndarray:
    """The first twenty seconds or less, in whole steps; one at least."""
    steps = max(1, min(len(samples), 20 * SAMPLE_RATE) // hop)
    head = samples[: steps * hop]
    return np.pad(head, (0, steps * hop - len(head)))


def _join(a: np.ndarray, b: np.ndarray, hop: int) -> np.ndarray:
    """Twenty seconds of each, the cut on a step's edge."""
    return np.concatenate([_head(a, hop), b[: 20 * SAMPLE_RATE]])
