"""95 % bootstrap intervals (Efron 1979): items, or groups of items, resampled with replacement.

Tracks of one artist resemble each other, so where artists are known whole artists are resampled
(Davison & Hinkley 1997, section 3.8): intervals over tracks would be too narrow. A draw is kept as
how often it took each item, so that a measure of all draws is one matrix product. The seed is
fixed: the same predictions always give the same interval.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

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
    taken = weights(len(items), groups)
    if groups is None:
        return np.asarray(taken @ items / len(items))
    number = taken.sum(1).reshape(-1, *(1,) * (items.ndim - 1))
    return np.asarray(taken @ items / number)


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


def with_interval(value: float, draws: NDArray[np.float64]) -> list[float]:
    """[value, low, high], as every file of results has it."""
    return [round(float(v), 4) for v in (value, *interval(draws))]
