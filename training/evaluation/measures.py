"""Figures of one guess a track: accuracy, macro recall, top-2, per class, ROC-AUC, confusion.

Precision, recall, F1, ROC-AUC and the confusion matrix are scikit-learn's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import (  # type: ignore[import-untyped]
    confusion_matrix,
    precision_recall_fscore_support,
    roc_auc_score,
)

from .bootstrap import Groups, mean_draws, ratio_draws, with_interval
from .scored import FREE_MUSIC, Scored

MEASURES = ("accuracy", "macro_recall", "top2")
COMMON = 20  # tracks of a genre at least, for "common", the figures of genres with enough tracks
Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.int64]


def hits(probabilities: Floats, true: Integers) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """1 where the best label is right, and where one of the two best is; 0 elsewhere."""
    first = probabilities.argmax(1) == true
    second = np.argsort(probabilities, 1)[:, -2:] == true[:, None]
    return first.astype(float), (first | second.any(1)).astype(float)


def values(right: Floats, among_two: Floats, true: Integers) -> dict[str, float]:
    """The three measures of tracks' hits; a hit may be a mean over seeds."""
    recall = [right[true == c].mean() for c in np.unique(true)]
    means = (right.mean(), np.mean(recall), among_two.mean())
    return dict(zip(MEASURES, map(float, means), strict=True))


def draws(
    right: Floats, among_two: Floats, true: Integers, groups: Groups | None = None
) -> dict[str, NDArray[np.float64]]:
    """The three measures in every bootstrap draw; macro recall over the classes in the draw."""
    member = (true[:, None] == np.unique(true)).astype(float)
    recall = np.nanmean(ratio_draws(member * right[:, None], member, groups), axis=1)
    means = (mean_draws(right, groups), recall, mean_draws(among_two, groups))
    return dict(zip(MEASURES, means, strict=True))


def figures(probabilities: Floats, true: Integers, groups: Groups | None = None) -> dict[str, Any]:
    """Number of tracks, and [value, low, high] of accuracy, macro recall and top-2."""
    found, spread = _drawn(probabilities, true, groups)
    return {"tracks": len(true)} | {m: with_interval(found[m], spread[m]) for m in MEASURES}


def scored_figures(probabilities: Floats, scored: Scored) -> dict[str, Any]:
    """`track_figures` of the tracks scored."""
    return track_figures(probabilities, scored.true, scored.second, scored.groups)


def track_figures(
    probabilities: Floats, true: Integers, second: Integers, groups: Groups
) -> dict[str, Any]:
    """`figures` with artists resampled, and what second genres and common genres add.

    Args:
        probabilities: (tracks, C).
        true: (tracks,), index of each genre.
        second: (tracks,), index of a second acceptable genre, -1 where there is none; if any track
            has one, "either_accuracy" counts both as right.
        groups: (tracks,), number of each track's artist.

    "common" holds the figures of the genres with COMMON tracks or more, where there are others.
    """
    found = figures(probabilities, true, groups)
    found["artists"] = len(np.unique(groups))
    if (second >= 0).any():
        right = accepted(probabilities.argmax(1), true, second).astype(float)
        found["either_accuracy"] = with_interval(float(right.mean()), mean_draws(right, groups))
    common = np.bincount(true)[true] >= COMMON
    if common.any() and not common.all():
        found["common"] = {"genres": len(np.unique(true[common]))} | figures(
            probabilities[common], true[common], groups[common]
        )
    return found


def accepted(top: Integers, true: Integers, second: Integers) -> NDArray[np.bool_]:
    """Whether each track's best label (tracks,) is its genre or its second acceptable genre."""
    return np.asarray((top == true) | (top == second))


def differences(
    probabilities: Floats, against: Floats, true: Integers, groups: Groups | None = None
) -> dict[str, Any]:
    """[difference, low, high] of each measure, paired: within each draw of the same tracks."""
    (mine, drawn), (other, base) = (_drawn(p, true, groups) for p in (probabilities, against))
    return {m: with_interval(mine[m] - other[m], drawn[m] - base[m]) for m in MEASURES}


def _drawn(
    probabilities: Floats, true: Integers, groups: Groups | None
) -> tuple[dict[str, float], dict[str, NDArray[np.float64]]]:
    right, among_two = hits(probabilities, true)
    return values(right, among_two, true), draws(right, among_two, true, groups)


def classes(
    probabilities: Floats, true: Integers, labels: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Tracks, precision, recall and F1 of each label; None where there is nothing to divide by."""
    columns = precision_recall_fscore_support(
        true, probabilities.argmax(1), labels=range(len(labels)), zero_division=np.nan
    )
    return {
        label: {
            "tracks": int(support),
            "precision": _or_none(precision),
            "recall": _or_none(recall),
            "f1": _or_none(f1),
        }
        for label, precision, recall, f1, support in zip(labels, *columns, strict=True)
    }


def roc_auc(probabilities: Floats, true: Integers) -> float | None:
    """Mean over the classes present of the area under one-against-the-rest's ROC curve."""
    areas = [
        roc_auc_score(true == c, probabilities[:, c])
        for c in np.unique(true)
        if not (true == c).all()
    ]
    return _or_none(np.mean(areas)) if areas else None


def confusion(probabilities: Floats, true: Integers, labels: Sequence[str]) -> list[list[int]]:
    """Tracks of each true label (row) taken for each label (column)."""
    counts = confusion_matrix(true, probabilities.argmax(1), labels=range(len(labels)))
    return [[int(count) for count in row] for row in counts]


def for_card(found: Mapping[str, Any]) -> dict[str, float]:
    """The figures of one hop that a model card carries."""
    whole = found["track_mean"]
    carried = {
        "tracks": whole["tracks"],
        "accuracy": whole["accuracy"][0],
        "accuracy_low": whole["accuracy"][1],
        "accuracy_high": whole["accuracy"][2],
        "macro_recall": whole["macro_recall"][0],
        "top2": whole["top2"][0],
    }
    if "either_accuracy" in whole:
        carried["either_accuracy"] = whole["either_accuracy"][0]
    if FREE_MUSIC in found.get("sets", {}):
        carried["accuracy_on_free_music"] = found["sets"][FREE_MUSIC]["accuracy"][0]
    return carried


def _or_none(value: Any) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)
