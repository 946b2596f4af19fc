"""Features of many tracks, each measured once and kept on disk.

A track is known by its sound (SHA-256 of its samples), a feature by its name and version, so that
data sets share a folder and a changed feature is measured anew. Every fifty tracks go to a file of
their own, written whole or not at all: after a kill the work goes on from the last of them.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...data import SAMPLE_RATE

PART = 50  # tracks a file


@dataclass(frozen=True)
class Feature:
    """A way of measuring tracks.

    `measure`: samples (n,) float32 in [-1, 1] at 16 kHz -> (segments, ...) float32; a function of
    a module, since other processes call it. `version`: raised whenever its numbers change.
    """

    name: str
    version: int
    measure: Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Measured:
    """Features by track, and what they cost."""

    values: dict[str, np.ndarray]  # key -> (segments, ...)
    seconds: float  # CPU seconds per second of audio, the middle one of the tracks


def measured(
    feature: Feature,
    audio: Mapping[str, np.ndarray],
    keys: Sequence[str],
    folder: Path,
    jobs: int = 1,
) -> Measured:
    """The feature of the tracks `keys` of int16 `audio` at 16 kHz, measuring what `folder` lacks.

    `jobs`: processes; each computes with one thread.
    """
    folder = folder / f"{feature.name}-{feature.version}"
    digests = {key: _digest(audio[key]) for key in keys}
    kept = _kept(folder)
    missing = [k for k in {d: k for k, d in digests.items()}.values() if digests[k] not in kept]
    parts = [missing[i : i + PART] for i in range(0, len(missing), PART)]
    work = ((feature, {digests[key]: audio[key] for key in part}) for part in parts)
    for found, seconds in _each(work, len(parts), jobs):
        _write(folder, found, seconds)
    return _read(folder, digests)


def _digest(samples: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(samples, "<i2").data).hexdigest()


Part = tuple[dict[str, np.ndarray], np.ndarray]
"""Digest -> values, and the CPU seconds per second of audio of each."""


def _each(
    work: Iterator[tuple[Feature, dict[str, np.ndarray]]], parts: int, jobs: int
) -> Iterator[Part]:
    """Every part of the work, in the order in which they are done."""
    if min(jobs, parts) < 2:
        yield from (_measure(*one) for one in work)
        return
    # loky neither forks, which hangs where there are threads, nor runs the main script anew.
    from joblib import Parallel, delayed  # type: ignore[import-untyped]

    pool = Parallel(n_jobs=jobs, backend="loky", return_as="generator_unordered", pre_dispatch=jobs)
    yield from pool(delayed(_measure)(*one) for one in work)


def _measure(feature: Feature, audio: dict[str, np.ndarray]) -> Part:
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    values, seconds = {}, []
    with threadpool_limits(1):
        for digest, samples in audio.items():
            start = time.process_time()
            values[digest] = feature.measure(samples.astype(np.float32) / 32_768)
            seconds.append((time.process_time() - start) * SAMPLE_RATE / len(samples))
    return values, np.array(seconds)


def _write(folder: Path, values: dict[str, np.ndarray], seconds: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256("".join(values).encode()).hexdigest()[:16]
    unfinished = folder / f"{name}.{os.getpid()}.tmp"
    arrays: dict[str, Any] = {**values, "seconds": seconds}
    with unfinished.open("wb") as file:
        np.savez(file, **arrays)
    unfinished.replace(folder / f"{name}.npz")


def _kept(folder: Path) -> set[str]:
    """The digests of all tracks that the folder holds."""
    found: set[str] = set()
    for path in folder.glob("*.npz"):
        with np.load(path) as part:
            found.update(part.files)
    return found


def _read(folder: Path, digests: Mapping[str, str]) -> Measured:
    wanted, values, seconds = set(digests.values()), {}, []
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as part:
            costs = part["seconds"]
            names = [name for name in part.files if name != "seconds"]
            for name, cost in zip(names, costs, strict=True):
                if name in wanted:
                    values[name] = part[name]
                    seconds.append(float(cost))
    return Measured(
        {key: values[digest] for key, digest in digests.items()},
        float(np.median(seconds)) if seconds else 0.0,
    )
