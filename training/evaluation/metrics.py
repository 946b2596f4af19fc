"""Metrics of one prediction a track, each with a 95 % bootstrap interval (Efron 1979).

Accuracy, macro recall and top-2 accuracy; scikit-learn's precision, recall, F1, ROC-AUC and
confusion matrix. Items, or groups of items, are resampled with replacement. Tracks of one artist
resemble each other, so where artists are known whole artists are resampled (Davison & Hinkley
1997, section 3.8): intervals over tracks would be too narrow. A draw is kept as how often it took
each item, so that a metric of all draws is one matrix product. The seed is fixed: the same
predictions always give the same interval.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict
from sklearn.metrics import (  # type: ignore[import-untyped]
    average_precision_score,
    confusion_matrix,
    precision_recall_fscore_support,
    roc_auc_score,
)

from .inputs import Scored

MEASURES = ("accuracy", "macro_recall", "top2")
COMMON = 20  # tracks of a genre at least, for "common", the metrics of genres with enough tracks
Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.int64]


class Estimate(NamedTuple):
    """A value with the ends of its 95 % interval.

    >>> str(Estimate(0.675, 0.6354, 0.7167))
    '0.675 (0.635 to 0.717)'
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"

    def signed(self) -> str:
        """As a difference.

        >>> Estimate(-0.0311, -0.075, 0.0125).signed()
        '-0.031 (-0.075 to +0.013)'
        """
        return f"{self.value:+.3f} ({self.low:+.3f} to {self.high:+.3f})"


class Result(BaseModel):
    """Base of what is written to JSON: a field that was never set is left out there."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    def to_json(self) -> dict[str, Any]:
        """The object for `json.dumps`. What is not finite is null, since JSON has no NaN."""
        entries = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return {name: _finite(entry) for name, entry in entries.items()}

    def fields(self) -> dict[str, Any]:
        """The fields that were set, for a result that contains them."""
        return {name: getattr(self, name) for name in self.model_fields_set}


def _finite(entry: Any) -> Any:
    """Entries for JSON with None in the place of each float that is not finite."""
    if isinstance(entry, dict):
        return {name: _finite(inner) for name, inner in entry.items()}
    if isinstance(entry, list):
        return [_finite(inner) for inner in entry]
    return None if isinstance(entry, float) and not math.isfinite(entry) else entry


class ByMeasure:
    """Access to metrics by name."""

    def __getitem__(self, measure: str) -> Estimate:
        """The estimate of one of MEASURES."""
        estimate: Estimate = getattr(self, measure)
        return estimate


class TrackMetrics(Result, ByMeasure):
    """Metrics of one prediction a track."""

    genres: int | None = None  # where the tracks are those of a group of genres
    tracks: int
    accuracy: Estimate
    macro_recall: Estimate
    top2: Estimate
    artists: int | None = None
    either_accuracy: Estimate | None = None
    """A second acceptable genre counts as right; where any track has one."""
    common: TrackMetrics | None = None
    """The same over the genres of COMMON tracks or more, where there are others."""


class Differences(Result, ByMeasure):
    """Paired differences of TrackMetrics."""

    accuracy: Estimate
    macro_recall: Estimate
    top2: Estimate
    either_accuracy: Estimate | None = None


class ClassMetrics(Result):
    """Of one genre; None where there is nothing to divide by."""

    tracks: int
    precision: float | None
    recall: float | None
    f1: float | None


class TagMetrics(Result):
    """Of one tag; None where all tracks have it, or none."""

    roc_auc: float | None
    pr_auc: float | None
    positives: int


class TaggingMetrics(Result):
    """Macro averages over the tags that some tracks have and some do not, and each tag."""

    roc_auc: float | None
    pr_auc: float | None
    tracks: int
    tags: Mapping[str, TagMetrics]


DRAWS = 2000
_SEED = 0
Groups = NDArray[np.int64]
"""Number of the group of each item: what is resampled as a whole. Any numbers will do."""


def weights(count: int, groups: Groups | None = None) -> NDArray[np.float32]:
    """How often each draw took each of `count` items: (DRAWS, count)."""
    if groups is None:
        return _weights(count)
    names, numbers = np.unique(groups, return_inverse=True)
    return np.asarray(_weights(len(names))[:, numbers])


@lru_cache(maxsize=4)
def _weights(count: int) -> NDArray[np.float32]:
    picks = np.random.default_rng(_SEED).integers(0, count, (DRAWS, count))
    picks += np.arange(DRAWS)[:, None] * count
    taken = np.bincount(picks.ravel(), minlength=DRAWS * count)
    return taken.reshape(DRAWS, count).astype(np.float32)


def mean_draws(values: ArrayLike, groups: Groups | None = None) -> NDArray[np.float64]:
    """The mean of values (items, ...) in every draw: (DRAWS, ...)."""
    items = np.asarray(values, np.float64)
    return ratio_draws(items, np.ones(items.shape), groups)


def median_draws(values: ArrayLike) -> NDArray[np.float64]:
    """The median of values (items,) in every draw: (DRAWS,)."""
    items = np.asarray(values, np.float64)
    order = np.argsort(items)
    below = np.cumsum(weights(len(items))[:, order], axis=1)
    # The items drawn are as many as there are: the middle one, or the two beside the middle.
    low, high = ((below > middle).argmax(1) for middle in ((len(items) - 1) // 2, len(items) // 2))
    return np.asarray((items[order][low] + items[order][high]) / 2)


def ratio_draws(
    parts: ArrayLike, wholes: ArrayLike, groups: Groups | None = None
) -> NDArray[np.float64]:
    """Sum of the parts over sum of the wholes in every draw, NaN where a draw holds no whole."""
    part, whole = np.asarray(parts, np.float64), np.asarray(wholes, np.float64)
    drawn = weights(len(part), groups)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((drawn @ part) / (drawn @ whole))


def interval(draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """Low and high end over the draws: (2, ...)."""
    return np.asarray(np.nanpercentile(draws, [2.5, 97.5], axis=0))


def with_interval(value: float, draws: NDArray[np.float64]) -> Estimate:
    """A value with its 95 % interval over the draws, to four digits."""
    return Estimate(*(round(float(v), 4) for v in (value, *interval(draws))))


def share_with_interval(value: float, draws: NDArray[np.float64], resampled: int) -> Estimate:
    """A share with its interval; 0 and 1, whose bootstrap interval is empty, with the exact one.

    The exact limit (Clopper & Pearson 1934) is that of `resampled` independent trials.

    >>> str(share_with_interval(1.0, np.ones(9), 6))
    '1.000 (0.541 to 1.000)'
    """
    limit = round(float(0.025 ** (1 / resampled)), 4)
    if value >= 1:
        return Estimate(1.0, limit, 1.0)
    if value <= 0:
        return Estimate(0.0, 0.0, round(1 - limit, 4))
    return with_interval(value, draws)


@dataclass(frozen=True)
class Hits:
    """Hits on tracks, 1 or 0 each, or means over seeds."""

    right: Floats  # (tracks,), for the best label
    among_two: Floats  # (tracks,), for the two best labels
    true: Integers  # (tracks,), index of each genre
    groups: Groups | None = None

    @classmethod
    def of(cls, probabilities: Floats, true: Integers, groups: Groups | None = None) -> Hits:
        """Hits of probabilities (tracks, C)."""
        first = probabilities.argmax(1) == true
        second = np.argsort(probabilities, 1)[:, -2:] == true[:, None]
        return cls(first.astype(float), (first | second.any(1)).astype(float), true, groups)

    @classmethod
    def mean(cls, seeds: Sequence[Hits]) -> Hits:
        """Mean over seeds of one system, for the same tracks."""
        right, among_two = (
            np.mean([getattr(h, m) for h in seeds], 0) for m in ("right", "among_two")
        )
        return replace(seeds[0], right=right, among_two=among_two)

    def at(self, mask: NDArray[np.bool_]) -> Hits:
        """Only the tracks of a mask."""
        groups = None if self.groups is None else self.groups[mask]
        return Hits(self.right[mask], self.among_two[mask], self.true[mask], groups)

    def values(self) -> dict[str, float]:
        """The three measures."""
        recall = [self.right[self.true == c].mean() for c in np.unique(self.true)]
        means = (self.right.mean(), np.mean(recall), self.among_two.mean())
        return dict(zip(MEASURES, map(float, means), strict=True))

    def draws(self) -> dict[str, NDArray[np.float64]]:
        """The three measures in every bootstrap draw; macro recall over the classes in the draw."""
        member = (self.true[:, None] == np.unique(self.true)).astype(float)
        recall = ratio_draws(member * self.right[:, None], member, self.groups)
        means = (
            mean_draws(self.right, self.groups),
            np.nanmean(recall, axis=1),
            mean_draws(self.among_two, self.groups),
        )
        return dict(zip(MEASURES, means, strict=True))

    def less(self, other: Hits) -> dict[str, tuple[float, NDArray[np.float64]]]:
        """Paired difference of each measure from other hits on the same tracks: value and draws."""
        (mine, drawn), (base, base_drawn) = ((h.values(), h.draws()) for h in (self, other))
        return {m: (mine[m] - base[m], drawn[m] - base_drawn[m]) for m in MEASURES}


def plain_metrics(
    probabilities: Floats, true: Integers, groups: Groups | None = None, **more: Any
) -> TrackMetrics:
    """Number of tracks, accuracy, macro recall and top-2; `more` fields are taken over."""
    hits = Hits.of(probabilities, true, groups)
    value, drawn = hits.values(), hits.draws()
    resampled = len(true) if groups is None else len(np.unique(groups))
    estimates = {m: share_with_interval(value[m], drawn[m], resampled) for m in MEASURES}
    return TrackMetrics(tracks=len(true), **estimates, **more)


def scored_metrics(probabilities: Floats, scored: Scored, **more: Any) -> TrackMetrics:
    """`track_metrics` of the tracks scored."""
    return track_metrics(probabilities, scored.true, scored.second, scored.groups, **more)


def track_metrics(
    probabilities: Floats, true: Integers, second: Integers, groups: Groups, **more: Any
) -> TrackMetrics:
    """`plain_metrics` with artists resampled, and what second genres and common genres add.

    Args:
        probabilities: (tracks, C).
        true: (tracks,), index of each genre.
        second: (tracks,), index of a second acceptable genre, -1 where there is none; if any track
            has one, `either_accuracy` counts both as right.
        groups: (tracks,), number of each track's artist.
    """
    more["artists"] = len(np.unique(groups))
    if (second >= 0).any():
        right = accepted(probabilities.argmax(1), true, second).astype(float)
        more["either_accuracy"] = with_interval(float(right.mean()), mean_draws(right, groups))
    common = np.bincount(true)[true] >= COMMON
    if common.any() and not common.all():
        more["common"] = plain_metrics(
            probabilities[common],
            true[common],
            groups[common],
            genres=len(np.unique(true[common])),
        )
    return plain_metrics(probabilities, true, groups, **more)


def accepted(top: Integers, true: Integers, second: Integers) -> NDArray[np.bool_]:
    """Whether each track's best label (tracks,) is its genre or its second acceptable genre."""
    return np.asarray((top == true) | (top == second))


def differences(
    probabilities: Floats,
    against: Floats,
    true: Integers,
    groups: Groups | None = None,
    **more: Estimate,
) -> Differences:
    """Differences of each measure, paired: within each draw of the same tracks."""
    mine, other = (Hits.of(p, true, groups) for p in (probabilities, against))
    each = {m: with_interval(*difference) for m, difference in mine.less(other).items()}
    return Differences(**each, **more)


def classes(
    probabilities: Floats, true: Integers, labels: Sequence[str]
) -> dict[str, ClassMetrics]:
    """Tracks, precision, recall and F1 of each label."""
    columns = precision_recall_fscore_support(
        true, probabilities.argmax(1), labels=range(len(labels)), zero_division=np.nan
    )
    return {
        label: ClassMetrics(
            tracks=int(support),
            precision=_or_none(precision),
            recall=_or_none(recall),
            f1=_or_none(f1),
        )
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


def tagging_metrics(
    scores: Floats, truth: NDArray[np.bool_], names: Sequence[str]
) -> TaggingMetrics:
    """How well a tagger ranks the tracks of each tag.

    The area under the ROC curve of a tag is the chance that a track with the tag is ranked before
    one without it; that under the precision-recall curve (average precision, by steps) starts from
    the tag's share of the tracks.

    Args: scores and truth (N, D), `names` of the D tags. ValueError where the shapes do not fit.
    """
    if scores.shape != truth.shape or scores.shape[1:] != (len(names),):
        raise ValueError(f"scores {scores.shape}, truth {truth.shape}, {len(names)} names")
    tags = {}
    for name, score, tagged in zip(names, scores.T, truth.T, strict=True):
        positives = int(tagged.sum())
        known = 0 < positives < len(tagged)
        tags[name] = TagMetrics(
            roc_auc=float(roc_auc_score(tagged, score)) if known else None,
            pr_auc=float(average_precision_score(tagged, score)) if known else None,
            positives=positives,
        )
    roc = [tag.roc_auc for tag in tags.values() if tag.roc_auc is not None]
    pr = [tag.pr_auc for tag in tags.values() if tag.pr_auc is not None]
    roc_mean, pr_mean = (float(np.mean(areas)) if areas else None for areas in (roc, pr))
    return TaggingMetrics(roc_auc=roc_mean, pr_auc=pr_mean, tracks=len(truth), tags=tags)


def _or_none(value: Any) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)
