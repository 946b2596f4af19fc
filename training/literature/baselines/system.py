"""The interface of all systems in this package: features, training, and prediction.

run(Baseline("fma", "svm-rbf"), ...)           the SVM of the FMA data set, 518 columns
run(Baseline("fma", "lr", ("mfcc",)), ...)     another cell of its table
run(Baseline("irvin", "svm-rbf-ovr"), ...)     Irvin, Chartock, Hollander; also "softmax"
run(Baseline("content", "falola"), ...)        Falola, Akinola
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from . import classifiers, falola
from .cache import Feature, measured
from .content import content_features
from .fma_features import COLUMNS, ROWS, fma_features
from .irvin_spectra import irvin_spectra

FEATURES = {
    "fma": Feature("fma", 1, fma_features),
    "fma-as-published": Feature("fma-as-published", 1, partial(fma_features, as_published=True)),
    "irvin": Feature("irvin", 1, irvin_spectra),
    "content": Feature("content", 1, content_features),
}
FALOLA = "falola"


@dataclass(frozen=True)
class Baseline:
    """Features, and the model that reads them. Raises ValueError for unknown ones.

    `columns`: a selection of the eleven features of FMA; empty for all of them.
    """

    features: str
    model: str
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.features not in FEATURES:
            raise ValueError(f"unknown features {self.features!r}: one of {', '.join(FEATURES)}")
        if self.model not in (names := [*classifiers.MODELS, FALOLA]):
            raise ValueError(f"unknown model {self.model!r}: one of {', '.join(names)}")
        if self.columns and not self.features.startswith("fma"):
            raise ValueError(
                f"columns can be selected for the features of FMA only, not for {self.features!r}"
            )
        if odd := set(self.columns) - ROWS.keys():
            raise ValueError(f"no columns {', '.join(sorted(odd))}: choose from {', '.join(ROWS)}")


@dataclass(frozen=True)
class Outcome:
    """Predictions of a system for the test tracks, and their cost."""

    probabilities: dict[str, np.ndarray]  # test key -> (segments, C), rows summing to 1
    parameters: int  # see `Classifier.parameters` for what counts
    fit_seconds: float  # processor time without the features
    feature_seconds: float  # processor time per second of audio
    predict_seconds: float  # processor time without the features


def run(
    baseline: Baseline,
    audio: Mapping[str, np.ndarray],
    train: Sequence[str],
    train_labels: np.ndarray,
    test: Sequence[str],
    classes: int,
    seed: int,
    folder: Path,
) -> Outcome:
    """Train the system on the tracks `train` with labels 0 to `classes` - 1, and test it.

    `audio`: int16 samples at 16 kHz by key; `folder` caches the features. Every segment of a track
    is a training row.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    if len(train) != len(train_labels):
        raise ValueError(f"{len(train)} training tracks, but {len(train_labels)} labels")
    features = measured(FEATURES[baseline.features], audio, [*train, *test], folder)
    rows, counts = _rows(features.values, train, baseline.columns)
    labels = np.repeat(np.asarray(train_labels), counts)
    start = time.process_time()
    with threadpool_limits(1):
        model = (
            falola.fit(rows, labels, classes, seed)
            if baseline.model == FALOLA
            else classifiers.fit(baseline.model, rows, labels, classes, seed)
        )
        seconds = time.process_time() - start
        asked, counts = _rows(features.values, test, baseline.columns)
        start = time.process_time()
        predictions = np.split(model.probabilities(asked), np.cumsum(counts)[:-1])
        predict_seconds = time.process_time() - start
    return Outcome(
        dict(zip(test, predictions, strict=True)),
        model.parameters,
        seconds,
        features.seconds,
        predict_seconds,
    )


def _rows(
    values: Mapping[str, np.ndarray], keys: Sequence[str], columns: Sequence[str]
) -> tuple[np.ndarray, list[int]]:
    """All segments of the tracks (N, D), and how many each track has."""
    counts = [len(values[key]) for key in keys]
    rows = np.concatenate([values[key].reshape(len(values[key]), -1) for key in keys])
    if columns:
        rows = rows[:, [name in columns for name, _, _ in COLUMNS]]
    return rows, counts
