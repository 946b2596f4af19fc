"""Systems side by side on the tracks that all of them predicted, with paired differences.

A difference is taken within each draw of tracks (Efron & Tibshirani 1993, ch. 16), so that what is
easy or hard for all systems cancels. A system may have several seeds: its hits are then means
over the seeds, and the spread is over tracks, not over seeds; that is the standard deviation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.record import DataError
from .metrics import MEASURES, ByMeasure, Estimate, Groups, Hits, Integers, Result, with_interval
from .predictions import Predictions, read_predictions
from .probes.genres import protocol_masks


class Spread(Result):
    """Over seeds."""

    mean: float
    standard_deviation: float


class SystemMetrics(Result, ByMeasure):
    """Of one system; the seeds' spread where there are several."""

    seeds: int
    accuracy: Estimate
    macro_recall: Estimate
    top2: Estimate
    over_seeds: Mapping[str, Spread] | None = None


class PairedDifference(Result):
    """`above_zero`: share of the draws; None where nothing differs."""

    difference: Estimate
    above_zero: float | None


class SideBySide(Result):
    """Systems on the same tracks, and the differences of the others against the first."""

    tracks: int
    genres: int | None = None  # of a group of genres
    left_out: Mapping[str, int] | None = None  # tracks of each system, over all tracks
    systems: Mapping[str, SystemMetrics]
    against: str
    differences: Mapping[str, Mapping[str, PairedDifference]]
    groups: Mapping[str, SideBySide] = {}
    """The same over the tracks of each group of protocols that is there."""


def compare_systems(systems: Mapping[str, Sequence[Path]]) -> SideBySide:
    """Metrics of every system, and differences of the others against the first.

    Args:
        systems: name -> files of predictions, one a seed. Raises DataError where a file is none,
            where they contradict each other in a genre, or have no track in common.
    """
    read = {name: [read_predictions(path) for path in paths] for name, paths in systems.items()}
    everything = [p for seeds in read.values() for p in seeds]
    genres = _common(everything)
    names = sorted(set(genres.values()))
    true = np.array([names.index(genre) for genre in genres.values()])
    artists = _groups(everything, list(genres))
    each = {
        name: [_hits(p, list(genres), true, artists) for p in seeds] for name, seeds in read.items()
    }
    masks = protocol_masks(_sets(everything[0], list(genres)), list(genres.values()))
    return _side_by_side(
        each,
        left_out={
            name: max(len(p.keys) for p in seeds) - len(genres) for name, seeds in read.items()
        },
        groups={
            name: _side_by_side(
                {n: [h.at(mask) for h in seeds] for n, seeds in each.items()},
                genres=len(np.unique(true[mask])),
            )
            for name, mask in masks.items()
        },
    )


def _side_by_side(each: Mapping[str, Sequence[Hits]], **more: Any) -> SideBySide:
    """Compare the hits of the seeds of each system; `more` fields are taken over."""
    means = {name: Hits.mean(seeds) for name, seeds in each.items()}
    first = next(iter(each))
    return SideBySide(
        tracks=len(means[first].true),
        systems={name: _metrics(seeds) for name, seeds in each.items()},
        against=first,
        differences={
            name: {
                m: PairedDifference(
                    difference=with_interval(value, drawn), above_zero=_above_zero(drawn)
                )
                for m, (value, drawn) in hits.less(means[first]).items()
            }
            for name, hits in means.items()
            if name != first
        },
        **more,
    )


def _groups(everything: Sequence[Predictions], keys: Sequence[str]) -> Groups | None:
    """Artist of each track as a number, where a file names the artists."""
    named = next((p for p in everything if p.groups), None)
    if named is None:
        return None
    of = dict(zip(named.keys, named.groups, strict=True))
    return np.unique([of[key] for key in keys], return_inverse=True)[1]


def _sets(p: Predictions, keys: Sequence[str]) -> list[str]:
    of = dict(zip(p.keys, p.sets, strict=True))
    return [of[key] for key in keys]


def _common(everything: Sequence[Predictions]) -> dict[str, str]:
    """Key -> genre of the tracks that are in every file, of genres that every file knows."""
    genres: dict[str, str] = {}
    for p in everything:
        for key, genre in zip(p.keys, p.genres, strict=True):
            if genres.setdefault(key, genre) != genre:
                raise DataError(f"{key} is {genres[key]} in one file of predictions, {genre} here")
    shared = set(genres).intersection(*(p.keys for p in everything))
    if not shared:
        raise DataError("the files of predictions have no track in common")
    return {key: genre for key, genre in genres.items() if key in shared}


def _hits(p: Predictions, keys: Sequence[str], true: Integers, groups: Groups | None) -> Hits:
    """Hits of one file on the common tracks, with the genres in the order of all files."""
    row_of = {key: i for i, key in enumerate(p.keys)}
    rows = [row_of[key] for key in keys]
    return replace(Hits.of(p.probabilities[rows], p.true[rows], groups), true=true)


def _metrics(seeds: Sequence[Hits]) -> SystemMetrics:
    mean = Hits.mean(seeds)
    value, drawn = mean.values(), mean.draws()
    more = {}
    if len(seeds) > 1:
        each = [hits.values() for hits in seeds]
        more["over_seeds"] = {
            m: Spread(
                mean=round(float(np.mean([s[m] for s in each])), 4),
                standard_deviation=round(float(np.std([s[m] for s in each], ddof=1)), 4),
            )
            for m in MEASURES
        }
    estimates = {m: with_interval(value[m], drawn[m]) for m in MEASURES}
    return SystemMetrics(seeds=len(seeds), **estimates, **more)


def _above_zero(differences: NDArray[np.float64]) -> float | None:
    """Share of the draws above zero, half of those at it; None where all are: nothing differs."""
    return round(float((np.sign(differences) / 2 + 0.5).mean()), 4) if differences.any() else None
