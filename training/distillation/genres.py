"""Soft genres of tracks from what several teachers heard (Hinton, Vinyals, Dean 2015).

Each teacher's mean over a track is mapped to the genres by a regression of its own, and all of them
joined by another; their probabilities are averaged as logarithms. A labelled track gets the opinion
of regressions that have not seen it or its artist; a track without a genre that of all, held
against the words that its source has for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn import linear_model, pipeline, preprocessing

from ..data.record import DataError
from ..data.split import folds_of

Floats = NDArray[np.floating]
Integers = NDArray[np.int64]

FOLDS = 5
PENALTY = 0.02  # C of the regressions; by cross-validation
_UNLIKELY = 0.15  # weight of a genre that none of a track's tags allows

ALLOWED: Mapping[str, tuple[str, ...]] = {
    "pop/rock": ("pop", "rock", "metal"),
    "electronic": ("electronic", "ambient", "disco"),
    "r&b": ("soul", "hiphop", "disco"),
    "rap": ("hiphop",),
    "jazz": ("jazz",),
    "blues": ("blues",),
    "country": ("country",),
    "folk": ("folk",),
    "reggae": ("reggae",),
    "classical": ("classical",),
    "new age": ("ambient",),
    "vocal": ("jazz", "pop"),
    "easy listening": ("jazz", "pop"),
    "religious": ("soul", "country"),
    "stage & screen": ("classical", "ambient"),
    "soundtrack": ("classical", "ambient"),
    "flamenco": ("folk",),
}
"""AllMusic's genres -> ours."""


def mean_of_track(rows: Floats, probabilities: int = 0) -> Floats:
    """Rows (windows, 1 + values) -> (values,), the first `probabilities` of them as logits."""
    values = rows[:, 1:].astype(np.float64)
    p = values[:, :probabilities].clip(1e-4, 1 - 1e-4)
    values[:, :probabilities] = np.log(p / (1 - p))
    return np.asarray(values.mean(0))


def soft_genres(
    heard: Sequence[Floats], labels: Integers, groups: Sequence[str], classes: int
) -> Floats:
    """Distributions (N, C) over the genres, of tracks by what each teacher says of them (N, D).

    `labels` (N,) are -1 where a track has none.
    """
    known = np.flatnonzero(labels >= 0)
    views = [*heard, np.concatenate(heard, 1)] if len(heard) > 1 else list(heard)
    log = np.zeros((len(labels), classes))
    held = folds_of(labels[known].tolist(), [groups[int(i)] for i in known], FOLDS)
    if not held:
        raise DataError(
            "teachers cannot be asked: every genre, two at least, needs two artists or tracks that "
            "are to be trained on"
        )
    parts = [(np.delete(known, out), known[out]) for out in held]
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
    found = np.full((len(of), classes), 1e-4)
    found[:, regression.classes_] = model.predict_proba(of)
    return np.asarray(np.log(found + 1e-6))


def as_drawn(genres: Floats, counts: Integers, power: float) -> Floats:
    """Genres under the frequencies that training draws them with: counts to a power, not counts."""
    return normalised(genres * np.maximum(counts, 1).astype(float) ** (power - 1))


def allowed(genres: Floats, tags: Sequence[str], labels: Sequence[str]) -> Floats:
    """A distribution (C,) held against a track's tags, where those say anything."""
    names = {genre for tag in tags for genre in ALLOWED.get(tag.strip().lower(), ())}
    if not names & set(labels):
        return genres
    weight = np.array([1.0 if label in names else _UNLIKELY for label in labels])
    return normalised(genres * weight)


def normalised(values: Floats) -> Floats:
    """Rows that sum to one."""
    return np.asarray(values / values.sum(-1, keepdims=True))
