"""What stands around a trained network: temperature, thresholds, smoothing. Fitted on `valid`."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from streamgenre.model.card import Thresholds
from streamgenre.model.decide import Decider
from streamgenre.model.model import Model

from .data import SAMPLE_RATE, Track
from .evaluation.streaming import stream_tracks
from .model import Calibration

_LOUD = -20.0  # dBFS; the level plays no part in what is fitted here
_COVERED = 0.9  # share of music steps that get a genre rather than "unsure"
_START = Thresholds(unsure=0.0, music=0.0, silence=-70.0, margin=0.1, smoothing=2.0)


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Probabilities over the last axis."""
    z = logits / temperature
    e = np.exp(z - z.max(-1, keepdims=True))
    return np.asarray(e / e.sum(-1, keepdims=True))


def temperature(runs: Sequence[np.ndarray], labels: Sequence[int]) -> float:
    """The temperature of least log loss over all steps (Guo et al. 2017), a track weighing one."""

    def loss(value: float) -> float:
        return float(
            np.mean(
                [
                    -np.log(softmax(run, value)[:, label] + 1e-12).mean()
                    for run, label in zip(runs, labels, strict=True)
                ]
            )
        )

    return float(min(np.arange(0.5, 3.0, 0.02), key=loss))


def _decided(
    runs: Sequence[np.ndarray], thresholds: Thresholds, seconds: float
) -> tuple[list[list[int | None]], list[float]]:
    """Decisions for each run of probabilities (steps, C), a fresh decider for each.

    The smoothed probability of the best label at each step, over all runs, comes along.
    """
    decisions, confidences = [], []
    for run in runs:
        decider = Decider(thresholds, run.shape[1])
        decided = []
        for p in run:
            decided.append(decider.decide(p, 1.0, _LOUD, seconds)[1])
            confidences.append(float(decider.smoothed.max()))
        decisions.append(decided)
    return decisions, confidences


def pairs(labels: Sequence[int], count: int, seed: int = 0) -> list[tuple[int, int]]:
    """Indices of up to `count` different pairs of tracks of different genres."""
    everyone = range(len(labels))
    differing = [(a, b) for a in everyone for b in everyone if labels[a] != labels[b]]
    return random.Random(seed).sample(differing, min(count, len(differing)))


def smoothing(
    mixes: Sequence[np.ndarray], truth: Sequence[np.ndarray], seconds: float
) -> tuple[Thresholds, list[dict[str, float]]]:
    """Smoothing and margin for mixes of two tracks: nearly the most steps right, fewest switches.

    The grid's figures come along: share of steps right, and switches a minute beyond the one.
    """
    grid = []
    for tau, margin in itertools.product((0.25, 1.0, 2.0, 4.0, 6.0), (0.0, 0.05, 0.1, 0.2)):
        limits = replace(_START, smoothing=tau, margin=margin)
        decisions, _ = _decided(mixes, limits, seconds)
        steps = [
            pair
            for ds, ts in zip(decisions, truth, strict=True)
            for pair in zip(ds, ts, strict=True)
        ]
        right = np.mean([decided == true for decided, true in steps])
        switches = sum(a != b for ds in decisions for a, b in itertools.pairwise(ds)) - len(mixes)
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
    return replace(_START, smoothing=chosen["smoothing"], margin=chosen["margin"]), grid


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
    chosen = pairs(labels, min(150, 4 * len(keys)))
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
    thresholds, grid = smoothing(mixes, truth, hop.seconds)
    warm = [softmax(logits[k], heat) for k in keys]
    _, smoothed = _decided(warm, thresholds, hop.seconds)
    unsure = float(np.quantile(smoothed, 1 - _COVERED))
    silent = stream_tracks(engine, not_music, list(not_music), hop)
    # Of single steps, the harder case: what is decided on is smoothed. The first windows of a clip
    # are left out where there are others: they are mostly the silence before it.
    yes = np.concatenate([run.music[min(4, len(run.music) - 1) :] for run in runs.values()])
    no = np.concatenate([run.music for run in silent.values()])
    limits = np.arange(0.05, 0.96, 0.01)
    music = float(min(limits, key=lambda t: (yes < t).mean() + (no >= t).mean()))
    thresholds = replace(thresholds, unsure=round(unsure, 3), music=round(music, 3))
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
