"""Soft genres of tracks from the outputs of several teachers (Hinton, Vinyals, Dean 2015).

A logistic regression maps the mean output of each teacher over a track to the genres, and another
one the outputs of all teachers together. Their log-probabilities are averaged. The soft genres of a
labelled track come from regressions that were not fitted on the track or its artist. Those of a
track without a genre come from regressions fitted on all labelled tracks, and agree with its tags.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn import linear_model, pipeline, preprocessing

from ..data.record import DataError
from ..data.split import folds_of
from .tags import GENRES_OF_TAG

Floats = NDArray[np.floating]
Integers = NDArray[np.int64]

FOLDS = 5
PENALTY = 0.02  # C of the regressions, chosen by cross-validation
_UNLIKELY = 0.15  # weight of a genre that is not compatible with the tags of a track


def mean_of_track(rows: Floats, probabilities: int = 0) -> Floats:
    """Mean over rows (windows, 1 + values) -> (values,); the first `probabilities` as logits."""
    values = rows[:, 1:].astype(np.float64)
    p = values[:, :probabilities].clip(1e-4, 1 - 1e-4)
    values[:, :probabilities] = np.log(p / (1 - p))
    return np.asarray(values.mean(0))


def soft_genres(
    features: Sequence[Floats], labels: Integers, groups: Sequence[str], classes: int
) -> Floats:
    """Return distributions (N, C) over the genres from the outputs of each teacher (N, D).

    `labels` (N,) are -1 for tracks without a genre.
    """
    known = np.flatnonzero(labels >= 0)
    views = [*features, np.concatenate(features, 1)] if len(features) > 1 else list(features)
    log = np.zeros((len(labels), classes))
    held_out = folds_of(labels[known].tolist(), [groups[int(i)] for i in known], FOLDS)
    if not held_out:
        raise DataError(
            "soft genres cannot be fitted: at least two genres are required, each with two artists "
            "or tracks in the training split"
        )
    parts = [(np.delete(known, out), known[out]) for out in held_out]
    parts.append((known, np.flatnonzero(labels < 0)))
    for view in views:
        for fit, rest in parts:
            if len(rest):
                log[rest] += _log_probabilities(view[fit], labels[fit], view[rest], classes)
    return normalised(np.exp(log / len(views)))


def _log_probabilities(x: Floats, y: Integers, of: Floats, classes: int) -> Floats:
    regression = linear_model.LogisticRegression(C=PENALTY, max_iter=1000)  # type: ignore[no-untyped-call]
    scaler = preprocessing.StandardScaler()  # type: ignore[no-untyped-call]
    model = pipeline.make_pipeline(scaler, regression).fit(x, y)  # type: ignore[no-untyped-call]
    probabilities = np.full((len(of), classes), 1e-4)
    probabilities[:, regression.classes_] = model.predict_proba(of)
    return np.asarray(np.log(probabilities + 1e-6))


def reweighted(genres: Floats, counts: Integers, power: float) -> Floats:
    """Change the prior from the class frequencies `counts` to these frequencies to a power."""
    return normalised(genres * np.maximum(counts, 1).astype(float) ** (power - 1))


def restricted_by_tags(genres: Floats, tags: Sequence[str], labels: Sequence[str]) -> Floats:
    """Reduce the probability of genres that are not compatible with the tags of a track (C,)."""
    names = {genre for tag in tags for genre in GENRES_OF_TAG.get(tag.strip().lower(), ())}
    if not names & set(labels):
        return genres
    weight = np.array([1.0 if label in names else _UNLIKELY for label in labels])
    return normalised(genres * weight)


def normalised(values: Floats) -> Floats:
    """Normalise rows to a sum of one."""
    return np.asarray(values / values.sum(-1, keepdims=True))
