"""Features of tracks, each measured once and stored in a file.

A track is identified by the SHA-256 of its samples, a feature by its name and version. So data sets
can share a folder, and a changed feature is measured again.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from streamgenre.files import replacement

from ...data import SAMPLE_RATE, DataError
from ...data.arrays import read_npz


@dataclass(frozen=True)
class Feature:
    """A feature of tracks.

    `measure`: samples (n,) float32 in [-1, 1] at 16 kHz -> (segments, ...) float32. `version` is
    increased whenever its values change.
    """

    name: str
    version: int
    measure: Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Measured:
    """Features by track, and their cost."""

    values: dict[str, np.ndarray]  # key -> (segments, ...)
    seconds: float  # processor time per second of audio, the median over the tracks


def measured(
    feature: Feature, audio: Mapping[str, np.ndarray], keys: Sequence[str], folder: Path
) -> Measured:
    """Features of the tracks `keys` of int16 `audio` at 16 kHz; measures what `folder` lacks."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    folder = folder / f"{feature.name}-{feature.version}"
    folder.mkdir(parents=True, exist_ok=True)
    values: dict[str, np.ndarray] = {}
    seconds: dict[str, float] = {}
    for key in keys:
        samples = audio[key]
        digest = hashlib.sha256(np.ascontiguousarray(samples, "<i2").data).hexdigest()
        path = folder / f"{digest}.npz"
        if not path.is_file():
            start = time.process_time()
            with threadpool_limits(1):
                rows = feature.measure(samples.astype(np.float32) / 32_768)
            spent = (time.process_time() - start) * SAMPLE_RATE / len(samples)
            with replacement(path) as partial, partial.open("wb") as file:
                np.savez(file, values=rows, seconds=spent)
        try:
            stored = read_npz(path)
            values[key], seconds[digest] = stored["values"], float(stored["seconds"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path}: cannot be read: {error}; remove it to measure it again"
            ) from None
    return Measured(values, float(np.median([*seconds.values()])) if seconds else 0.0)
