"""What came out: one entry a system and seed in `results.json`, predictions beside it.

A folder of results is of one data set. Every entry has FIELDS, null where there is nothing to say;
accuracy, macro_recall and other measures of tracks are [value, low, high], 95 % bootstrap.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from ..data import DataError, Track
from ..evaluation.bootstrap import mean_draws, with_interval
from ..evaluation.measures import classes, confusion, figures, roc_auc
from ..writing import replace_file

Result = dict[str, Any]
RESULTS = "results.json"
PREDICTIONS = "predictions"
FIELDS = (
    "section", "system", "seed", "data", "tracks", "accuracy", "macro_recall", "parameters",
    "macs_per_second", "cpu_seconds_per_second", "train_seconds", "budget", "published",
)  # fmt: skip
_KEY = {"section": int, "system": str, "seed": int, "data": str}
_DIGITS = 5


def read_results(folder: Path) -> list[Result]:
    """The entries of a results folder; none where there is no file yet."""
    path = folder / RESULTS
    if not path.is_file():
        return []
    try:
        found: list[Result] = json.loads(path.read_text(encoding="utf-8"))
        assert isinstance(found, list)
        assert all(isinstance(entry[k], kind) for entry in found for k, kind in _KEY.items())
    except (ValueError, TypeError, KeyError, AssertionError):
        raise DataError(f"{path}: is not a list of results; move it away") from None
    return found


def keep_result(folder: Path, result: Result) -> None:
    """Put an entry in the place of the one of the same system and seed, or add it."""
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f".{RESULTS}.lock"):
        entries = [e for e in read_results(folder) if _same(e) != _same(result)]
        _write(folder, [*entries, {**dict.fromkeys(FIELDS), **result}])


def reword(folder: Path, words: Mapping[str, Mapping[str, str]]) -> None:
    """Give the entries the words of today: `words` has those of each system, by name.

    What was set otherwise than in the table is said by the entry alone.
    """
    if not (folder / RESULTS).is_file():
        return
    with FileLock(folder / f".{RESULTS}.lock"):
        entries = read_results(folder)
        told = []
        for entry in entries:
            own = {"narrowed": entry.get("narrowed", "")} if entry.get("set") else {}
            told.append({**entry, **words.get(entry["system"], {}), **own})
        if told != entries:
            _write(folder, told)


def find_result(results: Sequence[Result], system: str, seed: int) -> Result | None:
    """The entry of a system and a seed."""
    return next((e for e in results if _same(e) == (system, seed)), None)


def check_data(folder: Path, data: str) -> None:
    """Raise DataError where the folder's results are of other data than this (SHA-256)."""
    if others := {entry["data"] for entry in read_results(folder)} - {data}:
        raise DataError(
            f"{folder}: has results of other data ({', '.join(d[:12] for d in sorted(others))}; "
            f"this is {data[:12]}); give another folder with --results"
        )


def _same(entry: Mapping[str, Any]) -> tuple[str, int]:
    return entry["system"], entry["seed"]


def _write(folder: Path, entries: list[Result]) -> None:
    entries.sort(key=lambda e: (e["section"], e["system"], e["seed"]))
    text = "[\n" + ",\n".join(json.dumps(entry) for entry in entries) + "\n]\n"
    replace_file(folder / RESULTS, text.encode())


def track_means(segments: Sequence[NDArray[np.floating[Any]]]) -> NDArray[np.float64]:
    """Mean probabilities (tracks, C), rounded as they are kept, so that figures are of the file."""
    return np.stack([rows.mean(0) for rows in segments]).astype(np.float64).round(_DIGITS)


def genre_figures(
    segments: Sequence[NDArray[np.floating[Any]]], true: NDArray[np.int64], labels: Sequence[str]
) -> dict[str, Any]:
    """Figures of tracks from the probabilities (segments, C) of each: a segment, and their mean."""
    mean = track_means(segments)
    hit = np.array([(rows.argmax(1) == t).mean() for rows, t in zip(segments, true, strict=True)])
    found = figures(mean, true)
    each = classes(mean, true, labels)
    with_tracks = [c for c in each.values() if c["tracks"]]
    return {
        "tracks": len(true),
        # Each track counts once, however many segments it has.
        "window_accuracy": with_interval(float(hit.mean()), mean_draws(hit)),
        "accuracy": found["accuracy"],
        "macro_recall": found["macro_recall"],
        "top2": found["top2"],
        "precision": _mean(with_tracks, "precision"),
        "recall": _mean(with_tracks, "recall"),
        "f1": _mean(with_tracks, "f1"),
        "roc_auc": roc_auc(mean, true),
        "recall_by_genre": {label: c["recall"] for label, c in each.items()},
        "confusion": confusion(mean, true, labels),
        "labels": list(labels),
    }


def _mean(classes: Sequence[Mapping[str, Any]], measure: str) -> float:
    # A genre that is never named has no precision: none of its tracks was found.
    return round(float(np.mean([c[measure] or 0.0 for c in classes])), 4)


def write_scores(
    path: Path, tracks: Sequence[Track], names: Sequence[str], scores: NDArray[np.floating[Any]]
) -> None:
    """Each track's scores, gzipped CSV: key, set, genre, then a column for each name."""
    lines = [",".join(["key", "set", "genre", *map(_cell, names)])]
    for track, row in zip(tracks, scores, strict=True):
        digits = (f"{value:.{_DIGITS}f}" for value in row)
        lines.append(",".join([_cell(track.key), _cell(track.set), _cell(track.genre), *digits]))
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without a time inside: the same figures give the same bytes.
    replace_file(path, gzip.compress(("\n".join(lines) + "\n").encode(), 9, mtime=0))


def _cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\n') else text
