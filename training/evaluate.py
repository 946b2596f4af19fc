"""Accuracy of a streaming network on a split, beside the baselines that it must beat.

Every streaming figure stands beside the same network without state, and that with a running mean:
only what exceeds them is the state's doing. Accuracy and macro recall come with 95 % bootstrap
intervals over tracks, as [value, low, high].
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .data import Track
from .metrics import accuracy, interval, macro_recall, softmax, stream_tracks
from .networks.step import StreamingNetwork

_ELAPSED = (2.5, 5.0, 10.0, 30.0)
_FREE = {"debian", "emotify"}


def figures(probabilities: np.ndarray, true: np.ndarray) -> dict[str, Any]:
    """Accuracy and macro recall of one guess a track, with intervals, and top-2."""
    guess = probabilities.argmax(1)
    second = np.argsort(probabilities, 1)[:, -2]
    return {
        "tracks": len(true),
        "accuracy": _with_interval(guess, true, accuracy),
        "macro_recall": _with_interval(guess, true, macro_recall),
        "top2": round(float(((guess == true) | (second == true)).mean()), 4),
    }


def _with_interval(
    guess: np.ndarray, true: np.ndarray, measure: Callable[[np.ndarray, np.ndarray], float]
) -> list[float]:
    low, high = interval(guess, true, measure)
    return [round(v, 4) for v in (measure(guess, true), low, high)]


def evaluate(
    network: StreamingNetwork,
    audio: Mapping[str, np.ndarray],
    tracks: Sequence[Track],
    labels: Sequence[str],
    hop: int,
    temperature: float,
) -> tuple[dict[str, Any], np.ndarray]:
    """All figures at a hop, and the tracks' mean probabilities (tracks, C)."""
    keys = [t.key for t in tracks]
    true = np.array([labels.index(t.genre) for t in tracks])
    carried = stream_tracks(network, audio, keys, hop)
    alone = stream_tracks(network, audio, keys, hop, carry=False)
    p = {k: softmax(carried[k].logits, temperature) for k in keys}
    q = {k: softmax(alone[k].logits, temperature) for k in keys}
    mean = np.stack([p[k].mean(0) for k in keys])
    last = np.stack([p[k][max(0, len(audio[k]) // hop - 1)] for k in keys])
    found: dict[str, Any] = {
        "hop": hop / 16_000,
        "track_mean": figures(mean, true),
        "track_last_step": figures(last, true),
        "track_mean_without_state": figures(np.stack([q[k].mean(0) for k in keys]), true),
        "windows_without_state": round(
            float(np.mean([(q[k].argmax(1) == t).mean() for k, t in zip(keys, true, strict=True)])),
            4,
        ),
        "windows_with_state": round(
            float(np.mean([(p[k].argmax(1) == t).mean() for k, t in zip(keys, true, strict=True)])),
            4,
        ),
        "after": {},
        "sets": {},
    }
    for seconds in _ELAPSED:
        step = round(seconds * 16_000 / hop) - 1
        enough = np.array([len(audio[k]) >= (step + 1) * hop for k in keys])
        long, which = [k for k, e in zip(keys, enough, strict=True) if e], true[enough]
        if not long:
            continue
        found["after"][f"{seconds:g}"] = {
            "tracks": len(long),
            "carried": figures(np.stack([p[k][step] for k in long]), which),
            "without_state": figures(np.stack([q[k][step] for k in long]), which),
            "running_mean": figures(np.stack([q[k][: step + 1].mean(0) for k in long]), which),
        }
    groups: dict[str, Callable[[Track], bool]] = {
        name: (lambda t, name=name: t.set == name)  # type: ignore[misc]
        for name in sorted({t.set for t in tracks})
    }
    groups["free music (debian, emotify)"] = lambda t: t.set in _FREE
    groups["without songs"] = lambda t: t.set != "songs"
    groups["clips of 20 s and more"] = lambda t: len(audio[t.key]) >= 20 * 16_000
    for name, belongs in groups.items():
        member = np.array([belongs(t) for t in tracks])
        if member.any():
            found["sets"][name] = figures(mean[member], true[member])
    guess = mean.argmax(1)
    found["classes"] = {
        label: {
            "tracks": int((true == i).sum()),
            "recall": _share((guess == i) & (true == i), true == i),
            "precision": _share((guess == i) & (true == i), guess == i),
        }
        for i, label in enumerate(labels)
    }
    found["confusion"] = [
        [int(((true == i) & (guess == j)).sum()) for j in range(len(labels))]
        for i in range(len(labels))
    ]
    steps = np.concatenate([p[k] for k in keys])
    step_true = np.repeat(true, [len(p[k]) for k in keys])
    found["expected_calibration_error"] = calibration_error(steps, step_true)
    return found, mean


def _share(part: np.ndarray, whole: np.ndarray) -> float | None:
    return round(float(part.sum() / whole.sum()), 4) if whole.any() else None


def calibration_error(probabilities: np.ndarray, true: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error of the best label over bins of equal mass."""
    confidence, right = probabilities.max(1), probabilities.argmax(1) == true
    order = np.argsort(confidence)
    gaps = [
        len(part) * abs(confidence[part].mean() - right[part].mean())
        for part in np.array_split(order, bins)
        if len(part)
    ]
    return round(float(sum(gaps) / len(true)), 4)


def write_predictions(
    path: Path, tracks: Sequence[Track], labels: Sequence[str], mean: np.ndarray
) -> None:
    """The tracks' mean probabilities, from which `track_mean` can be recomputed."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["key", "set", "genre", *labels])
        for track, row in zip(tracks, mean, strict=True):
            writer.writerow([track.key, track.set, track.genre, *(f"{p:.5f}" for p in row)])


def recompute(path: Path) -> dict[str, Any]:
    """The per-track figures from a file of predictions."""
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    labels = header[3:]
    true = np.array([labels.index(row[2]) for row in rows])
    return figures(np.array([[float(p) for p in row[3:]] for row in rows]), true)


def for_card(found: Mapping[str, Any]) -> dict[str, float]:
    """The figures of one hop that a model card carries."""
    whole, free = found["track_mean"], found["sets"]["free music (debian, emotify)"]
    return {
        "tracks": whole["tracks"],
        "accuracy": whole["accuracy"][0],
        "accuracy_low": whole["accuracy"][1],
        "accuracy_high": whole["accuracy"][2],
        "macro_recall": whole["macro_recall"][0],
        "top2": whole["top2"],
        "accuracy_on_free_music": free["accuracy"][0],
    }
