"""What stands around a trained network: temperature, thresholds, smoothing. Fitted on `valid`."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from streamgenre.model.card import Thresholds
from streamgenre.model.decide import Decider

from .metrics import Run, macro_recall, softmax, stream_tracks
from .networks.step import StreamingNetwork

_LOUD = -20.0  # dBFS; the level plays no part in what is fitted here
_COVERED = 0.9  # share of music steps that get a genre rather than "unsure"
_START = Thresholds(unsure=0.0, music=0.0, silence=-70.0, margin=0.1, smoothing=2.0)


def temperature(runs: Sequence[Run], labels: Sequence[int]) -> float:
    """The temperature of least log loss over all steps (Guo et al. 2017), a track weighing one."""

    def loss(value: float) -> float:
        return float(
            np.mean(
                [
                    -np.log(softmax(run.logits, value)[:, label] + 1e-12).mean()
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
    network: StreamingNetwork,
    audio: Mapping[str, np.ndarray],
    keys: Sequence[str],
    labels: Sequence[int],
    not_music: Mapping[str, np.ndarray],
    hop: int = 8_000,
) -> dict[str, Any]:
    """Temperature and thresholds from labelled tracks and from recordings without music."""
    seconds = hop / 16_000
    runs = stream_tracks(network, audio, keys, hop)
    heat = temperature([runs[k] for k in keys], labels)
    chosen = pairs(labels, 150)
    cut = {f"{a}+{b}": _join(audio[keys[a]], audio[keys[b]], hop) for a, b in chosen}
    mixed = stream_tracks(network, cut, list(cut), hop)
    mixes = [softmax(mixed[name].logits, heat) for name in cut]
    truth = [
        np.where(
            np.arange(len(mix)) < len(audio[keys[a]][: 20 * 16_000]) // hop, labels[a], labels[b]
        )
        for (a, b), mix in zip(chosen, mixes, strict=True)
    ]
    thresholds, grid = smoothing(mixes, truth, seconds)
    _, smoothed = _decided([softmax(runs[k].logits, heat) for k in keys], thresholds, seconds)
    unsure = float(np.quantile(smoothed, 1 - _COVERED))
    silent = stream_tracks(network, not_music, list(not_music), hop)
    # Of single steps, the harder case: what is decided on is smoothed. The first windows of a clip
    # are left out, they are mostly the silence before it.
    yes = np.concatenate([_probability(runs[k].music[4:]) for k in keys])
    no = np.concatenate([_probability(run.music) for run in silent.values()])
    limits = np.arange(0.05, 0.96, 0.01)
    music = float(min(limits, key=lambda t: (yes < t).mean() + (no >= t).mean()))
    thresholds = replace(thresholds, unsure=round(unsure, 3), music=round(music, 3))
    mean = np.stack([softmax(runs[k].logits, heat).mean(0) for k in keys])
    return {
        "temperature": heat,
        "thresholds": asdict(thresholds),
        "smoothing_grid": grid,
        "music_missed": float((yes < music).mean()),
        "not_music_passed": float((no >= music).mean()),
        "macro_recall": macro_recall(mean.argmax(1), np.array(labels)),
    }


def _join(a: np.ndarray, b: np.ndarray, hop: int) -> np.ndarray:
    """Twenty seconds of each, the cut on a step's edge."""
    first = a[: 20 * 16_000]
    return np.concatenate([first[: len(first) // hop * hop], b[: 20 * 16_000]])


def _probability(logits: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-logits)))
