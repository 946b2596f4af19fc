"""Fits temperature, thresholds and smoothing of a trained network on `valid`."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from streamgenre.model.card import Thresholds
from streamgenre.model.model import Model

from ..card import UNFITTED, Calibration
from ..data import SAMPLE_RATE, Track
from ..evaluation.probes.recovery import draw_pairs
from ..inference import Run, step_weights, stream_tracks
from ..inference.decisions import decide, fit_temperature, softmax, unsure_threshold

LATE = 4.0  # s, largest median delay after a change of music; it is longer on test data

MISSED = 0.003  # share of music steps that may be classified as non-music; higher on other data


@dataclass(frozen=True)
class Change:
    """Calibrated steps (steps, C) of two consecutive tracks, with the label of each."""

    steps: NDArray[np.float64]
    last: float  # share of the last step that is audio and not padding
    cut: int  # index of the first step of the second track
    before: int
    after: int


def smoothing(
    tracks: Sequence[Run],
    changes: Sequence[Change],
    seconds: float,
    limits: Thresholds,
) -> tuple[Thresholds, list[dict[str, float]]]:
    """Choose smoothing, margin and hold: fewest switches within tracks at an acceptable delay.

    `tracks` are calibrated. The delay of a change is the time until the correct genre is decided.
    Its median over the detected changes may be at most LATE. Also returns the grid: switches
    between genres per minute, delay (s), and share of correct steps around the changes.
    """
    never = max(len(change.steps) for change in changes) * seconds
    grid = []
    for tau, margin, held in itertools.product(
        (1.0, 1.5, 2.0, 3.0, 4.0), (0.1, 0.2, 0.3, 0.4), (0.4, 0.7, 1.0)
    ):
        hold = round(held * limits.unsure, 3)
        tried = replace(limits, smoothing=tau, margin=margin, hold=hold)
        genres = [
            [
                label
                for label in decide(run.probabilities, tried, seconds, last=run.last).labels
                if label is not None
            ]
            for run in tracks
        ]
        minutes = sum(float(run.weights.sum()) for run in tracks) * seconds / 60
        delays, right, weights = [], [], []
        for change in changes:
            decided = decide(change.steps, tried, seconds, last=change.last).labels
            labels = np.array([-1 if label is None else label for label in decided])
            after = labels[change.cut :] == change.after
            right += [*(labels[: change.cut] == change.before), *after]
            weights += step_weights(len(labels), change.last).tolist()
            if after.any():
                delays.append((int(after.argmax()) + 1) * seconds)
        grid.append(
            {
                "smoothing": tau,
                "margin": margin,
                "hold": hold,
                "switches_a_minute": round(
                    sum(sum(a != b for a, b in itertools.pairwise(g)) for g in genres) / minutes, 3
                ),
                "delay": float(np.median(delays)) if delays else never,
                "right": round(float(np.average(right, weights=weights)), 4),
            }
        )
    least = min(row["delay"] for row in grid)
    timely = [row for row in grid if row["delay"] <= max(LATE, least)]
    chosen = min(timely, key=lambda row: (row["switches_a_minute"], -row["right"]))
    settled = {name: chosen[name] for name in ("smoothing", "margin", "hold")}
    return replace(limits, **settled), grid


def fit(
    model: Model,
    audio: Mapping[str, np.ndarray],
    tracks: Sequence[Track],
    not_music: Mapping[str, np.ndarray],
) -> Calibration:
    """Calibrate a model of temperature 1 at its hop for live audio.

    `tracks` have a genre each; `not_music` are recordings without music, int16.
    """
    card, engine = model.card, model.engine
    hop = card.hop(card.live_hop)
    keys, labels = [t.key for t in tracks], [card.label_names.index(t.genre) for t in tracks]
    runs = stream_tracks(engine, audio, keys, hop)
    logits = {key: np.log(run.probabilities + 1e-12) for key, run in runs.items()}
    temperature = fit_temperature([logits[k] for k in keys], labels, [runs[k].last for k in keys])
    # A mix costs as much as two tracks, so a small data set gets fewer mixes.
    chosen = draw_pairs(labels, min(150, 4 * len(keys)))
    cut = {f"{a}+{b}": _join(audio[keys[a]], audio[keys[b]], hop.samples) for a, b in chosen}
    mixed = stream_tracks(engine, cut, list(cut), hop)
    changes = [
        Change(
            softmax(np.log(mixed[f"{a}+{b}"].probabilities + 1e-12), temperature),
            mixed[f"{a}+{b}"].last,
            len(_head(audio[keys[a]], hop.samples)) // hop.samples,
            labels[a],
            labels[b],
        )
        for a, b in chosen
    ]
    calibrated = [
        replace(runs[k], probabilities=softmax(logits[k], temperature).astype(np.float32))
        for k in keys
    ]
    thresholds = replace(UNFITTED, unsure=unsure_threshold([run.mean() for run in calibrated]))
    grid: list[dict[str, float]] = []
    if changes:  # none if all tracks have one genre
        thresholds, grid = smoothing(calibrated, changes, hop.seconds, thresholds)
    silent = stream_tracks(engine, not_music, list(not_music), hop)
    # Use single steps, which are harder than the smoothed decisions. The first windows of a clip
    # mostly contain the silence before it, so they are left out if there are others.
    late = {key: slice(min(4, len(run.music) - 1), None) for key, run in runs.items()}
    yes = np.concatenate([run.music[late[key]] for key, run in runs.items()])
    yes_weights = np.concatenate([run.weights[late[key]] for key, run in runs.items()])
    no = np.concatenate([run.music for run in silent.values()])
    no_weights = np.concatenate([run.weights for run in silent.values()])

    def missed(limit: float) -> float:
        return float(np.average(yes < limit, weights=yes_weights))

    def passed(limit: float) -> float:
        return float(np.average(no >= limit, weights=no_weights))

    limits = np.arange(0.05, 0.96, 0.01).tolist()
    even = min(limits, key=lambda limit: missed(limit) + passed(limit))
    # Other voices are closer to music than the ones used here.
    music = max([even, *(limit for limit in limits if missed(limit) <= MISSED)])
    thresholds = replace(thresholds, music=round(music, 3))
    figures = {
        "tracks": len(keys),
        "music_missed": missed(music),
        "not_music_passed": passed(music),
        "smoothing_grid": grid,
    }
    return Calibration(temperature, thresholds, figures)


def _head(samples: np.ndarray, hop: int) -> np.ndarray:
    """The first 20 s or less, in whole steps, at least one."""
    steps = max(1, min(len(samples), 20 * SAMPLE_RATE) // hop)
    head = samples[: steps * hop]
    return np.pad(head, (0, steps * hop - len(head)))


def _join(a: np.ndarray, b: np.ndarray, hop: int) -> np.ndarray:
    """Join the first 20 s of two tracks at the edge of a step."""
    return np.concatenate([_head(a, hop), b[: 20 * SAMPLE_RATE]])
