"""Training and measurement of one row with one seed."""

from __future__ import annotations

import datetime
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamgenre.timing import machine

from .. import checkpoint
from ..data import AudioCache, DataError, DataSet, Track
from ..evaluation.inputs import Scored, scored_tracks
from ..evaluation.predictions import write_predictions
from .results import PREDICTIONS, Entry, Measured, genre_metrics, keep_result, track_means
from .rows import Row

Probabilities = NDArray[np.floating[Any]]


class NotHereError(DataError):
    """A row cannot be measured with this data or without further inputs."""


@dataclass(frozen=True)
class Bench:
    """The data, and the folders for runs and results."""

    dataset: DataSet
    audio: AudioCache
    runs: Path
    results: Path
    tags: Path | None = None  # CSV of the tracks' tags, for tagging rows

    def folder(self, row: Row, seed: int) -> Path:
        """Folder of a run on this data."""
        return self._here / f"{row.system}-{seed}"

    def lock(self, row: Row, seed: int) -> Path:
        """File that is locked while a process runs the row."""
        folder = self.folder(row, seed)
        folder.parent.mkdir(parents=True, exist_ok=True)
        return folder.with_name(f"{folder.name}.lock")

    @property
    def features(self) -> Path:
        """Folder that caches the features of the classical systems."""
        return self._here / "features"

    @property
    def _here(self) -> Path:
        return self.runs / self.audio.source[:12]

    def keep(
        self,
        row: Row,
        seed: int,
        tracks: Sequence[Track],
        names: Sequence[str],
        scores: NDArray[np.floating[Any]],
    ) -> None:
        """Write the scores (tracks, C) of a run for its `names` beside the results."""
        path = self.results / PREDICTIONS / f"{row.system}-{seed}.csv.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_predictions(path, tracks, names, scores)

    def split(self, name: str) -> Scored:
        """The tracks of a split with a genre."""
        return scored_tracks(self.dataset.tracks, name, self.dataset.labels, self.audio)


@dataclass(frozen=True)
class Outputs:
    """Probabilities (segments, C) of each track, and their cost."""

    segments: Sequence[Probabilities]
    cpu_seconds_per_second: float  # processor time per second of audio

    @property
    def means(self) -> Probabilities:
        """Mean probabilities of the tracks (N, C)."""
        return np.stack([rows.mean(0) for rows in self.segments])


def now() -> str:
    """The time in UTC, in the format of the results."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def run_row(bench: Bench, row: Row, seed: int) -> Entry:
    """Train if needed, measure on `test`, and store the entry in the results."""
    if row.task == "genre" and bench.dataset.task == "tags":
        raise NotHereError(f"{row.system} predicts genres, and {bench.dataset.name} has tags only")
    begun = time.monotonic()
    name = "tagging" if row.kind == "network" and row.task == "tags" else row.kind
    module = import_module(f".kinds.{name}", __package__)
    measured: Measured = module.measure(bench, row, seed)
    entry = Entry(
        section=row.section,
        system=row.system,
        task=row.task,
        seed=seed,
        dataset=bench.dataset.name,
        data=bench.audio.source,
        machine=machine(),
        time=now(),
        wall_seconds=round(time.monotonic() - begun, 1),
        **({"set": row.changes} if row.changes else {}),
        **row.words,
        **({"commit": checkpoint.commit()} | measured.fields()),
    )
    keep_result(bench.results, entry)
    return entry


def genre_result(bench: Bench, row: Row, seed: int, outputs: Outputs) -> Measured:
    """Return the metrics of a row on `test`, and write its predictions beside the results."""
    test = bench.split("test")
    bench.keep(row, seed, test.tracks, bench.dataset.labels, track_means(outputs.segments))
    measured = genre_metrics(outputs.segments, test.true, bench.dataset.labels)
    return measured | Measured(cpu_seconds_per_second=round(outputs.cpu_seconds_per_second, 6))


def seconds_of(bench: Bench, keys: Sequence[str]) -> float:
    """Total duration of tracks."""
    return sum(len(bench.audio[key]) for key in keys) / 16_000
