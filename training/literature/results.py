"""The results: an entry for each system and seed in `results.json`, and predictions beside it.

A folder of results is for one data set. Every entry has FIELDS, null if not applicable. Accuracy,
macro recall and other metrics of tracks are [value, low, high] with a 95 % bootstrap interval.
Predictions are in a file for each run, `predictions/SYSTEM-SEED.csv.gz`, or in a table of the runs
of a section, `predictions/SECTION-TASK.csv.gz` (`pack_predictions`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter, ValidationError

from streamgenre.files import replace_bytes

from ..data import DataError
from ..evaluation.metrics import (
    ClassMetrics,
    Estimate,
    Result,
    TagMetrics,
    classes,
    confusion,
    mean_draws,
    plain_metrics,
    roc_auc,
    with_interval,
)
from ..evaluation.predictions import pack, runs_of

RESULTS = "results.json"
PREDICTIONS = "predictions"
FIELDS = (
    "section", "system", "seed", "data", "tracks", "accuracy", "macro_recall", "parameters",
    "macs_per_second", "cpu_seconds_per_second", "train_seconds", "budget", "published",
)  # fmt: skip
_DIGITS = 5


class Measured(Result):
    """Measurements of a run; None or unset if not applicable."""

    tracks: int | None = None
    accuracy: Estimate | None = None
    macro_recall: Estimate | None = None
    parameters: int | None = None
    macs_per_second: int | None = None
    cpu_seconds_per_second: float | None = None
    train_seconds: float | None = None
    budget: str | None = None
    commit: str | None = None
    top2: Estimate | None = None
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None
    roc_auc: float | None = None
    recall_by_genre: Mapping[str, float | None] | None = None
    confusion: Sequence[Sequence[int]] | None = None
    labels: Sequence[str] | None = None
    window_accuracy: Estimate | None = None
    valid_accuracy: float | None = None
    accuracy_carried: float | None = None
    accuracy_last_step: float | None = None
    updates: int | None = None
    passes: float | None = None  # over the training music
    networks: int | None = None  # number of networks of a stacked system
    pr_auc: float | None = None
    tags: Mapping[str, TagMetrics] | None = None

    def __or__(self, more: Measured) -> Measured:
        """Fields of both; those of `more` replace the others."""
        return Measured(**(self.fields() | more.fields()))


class Entry(Measured):
    """One run. Entries of other versions may have further fields."""

    model_config = ConfigDict(extra="allow")

    section: int
    system: str
    seed: int
    data: str  # SHA-256
    published: str | None = None
    title: str | None = None
    source: str | None = None
    task: str | None = None
    dataset: str | None = None
    machine: str | None = None
    time: str | None = None
    narrowed: str | None = None
    why: str | None = None
    set: Sequence[str] | None = None  # overridden config entries
    wall_seconds: float | None = None

    @property
    def run(self) -> str:
        """Name of the run in tables of predictions."""
        return f"{self.system}-{self.seed}"

    def estimate(self, measure: str) -> Estimate | float | None:
        """A measure by name."""
        value: Estimate | float | None = getattr(self, measure)
        return value


_ENTRIES = TypeAdapter(list[Entry])


def read_results(folder: Path) -> list[Entry]:
    """The entries of a results folder; empty without a file."""
    path = folder / RESULTS
    if not path.is_file():
        return []
    try:
        return _ENTRIES.validate_json(path.read_bytes())
    except ValidationError:
        raise DataError(f"{path}: is not a list of results; move it away") from None


def keep_result(folder: Path, entry: Entry) -> None:
    """Add an entry, or replace that of the same system and seed."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = Entry(**(dict.fromkeys(FIELDS) | entry.fields()))
    with FileLock(folder / f".{RESULTS}.lock"):
        _write(folder, [*(e for e in read_results(folder) if e.run != entry.run), whole])


def reword(folder: Path, words: Mapping[str, Mapping[str, str]]) -> None:
    """Update the texts that entries repeat from their rows; `words`: texts by system.

    Entries with an overridden config keep their own `narrowed`.
    """
    if not (folder / RESULTS).is_file():
        return
    with FileLock(folder / f".{RESULTS}.lock"):
        entries = read_results(folder)
        updated = [_reworded(entry, words.get(entry.system, {})) for entry in entries]
        if updated != entries:
            _write(folder, updated)


def _reworded(entry: Entry, words: Mapping[str, str]) -> Entry:
    own = {"narrowed": entry.narrowed or ""} if entry.set else {}
    return Entry(**(entry.fields() | dict(words) | own))


def find_result(results: Sequence[Entry], system: str, seed: int) -> Entry | None:
    """The entry of a system and a seed, or None."""
    return next((e for e in results if (e.system, e.seed) == (system, seed)), None)


def check_data(folder: Path, data: str) -> None:
    """Raise DataError if the results of a folder are for other data than this (SHA-256)."""
    if others := {entry.data for entry in read_results(folder)} - {data}:
        raise DataError(
            f"{folder}: has results for other data ({', '.join(d[:12] for d in sorted(others))}; "
            f"this is {data[:12]}); give another folder with --results"
        )


def _write(folder: Path, entries: list[Entry]) -> None:
    entries.sort(key=lambda e: (e.section, e.system, e.seed))
    lines = (
        json.dumps({key: e.to_json().get(key) for key in _order(e)}, allow_nan=False)
        for e in entries
    )
    replace_bytes(folder / RESULTS, ("[\n" + ",\n".join(lines) + "\n]\n").encode())


def _order(entry: Entry) -> list[str]:
    """Names of the fields: FIELDS first, then all others."""
    return [*FIELDS, *(key for key in entry.to_json() if key not in FIELDS)]


def predictions_of(folder: Path, entry: Entry) -> Path | None:
    """Path of the predictions of an entry for `read_predictions`, or None."""
    single = folder / PREDICTIONS / f"{entry.run}.csv.gz"
    if single.is_file():
        return single
    table = _table(folder, entry)
    known = table.is_file() and entry.run in runs_of(table)
    return table.with_name(f"{table.name}:{entry.run}") if known else None


def _table(folder: Path, entry: Entry) -> Path:
    return folder / PREDICTIONS / f"{entry.section:02}-{entry.task or 'genre'}.csv.gz"


def pack_predictions(folder: Path) -> Iterator[Path]:
    """Merge the predictions of every section and task into one table; yield the tables.

    The files of single runs are removed.
    """
    entries = sorted(read_results(folder), key=lambda e: str(_table(folder, e)))
    for table, of in groupby(entries, lambda e: _table(folder, e)):
        found = {e.run: path for e in of if (path := predictions_of(folder, e))}
        single = [path for path in found.values() if path.is_file()]
        if single:
            pack(found, table)
            for path in single:
                path.unlink()
            yield table


def track_means(segments: Sequence[NDArray[np.floating[Any]]]) -> NDArray[np.float64]:
    """Mean probabilities (tracks, C), with the precision of the file of predictions."""
    return np.stack([rows.mean(0) for rows in segments]).astype(np.float64).round(_DIGITS)


def genre_metrics(
    segments: Sequence[NDArray[np.floating[Any]]], true: NDArray[np.int64], labels: Sequence[str]
) -> Measured:
    """Metrics of tracks and of segments from the probabilities (segments, C) of each track."""
    mean = track_means(segments)
    hit = np.array([(rows.argmax(1) == t).mean() for rows, t in zip(segments, true, strict=True)])
    whole = plain_metrics(mean, true)
    each = classes(mean, true, labels)
    with_tracks = [c for c in each.values() if c.tracks]
    return Measured(
        tracks=len(true),
        # Every track has the same weight, whatever its number of segments.
        window_accuracy=with_interval(float(hit.mean()), mean_draws(hit)),
        accuracy=whole.accuracy,
        macro_recall=whole.macro_recall,
        top2=whole.top2,
        precision=_mean(with_tracks, "precision"),
        recall=_mean(with_tracks, "recall"),
        f1=_mean(with_tracks, "f1"),
        roc_auc=roc_auc(mean, true),
        recall_by_genre={label: c.recall for label, c in each.items()},
        confusion=confusion(mean, true, labels),
        labels=list(labels),
    )


def _mean(classes: Sequence[ClassMetrics], measure: str) -> float:
    # A genre that is never predicted has no precision. It counts as 0.
    return round(float(np.mean([getattr(c, measure) or 0.0 for c in classes])), 4)
