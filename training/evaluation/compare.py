"""Systems side by side on the tracks that all of them predicted, with paired differences.

A difference is taken within each draw of tracks (Efron & Tibshirani 1993, ch. 16), so that what is
easy or hard for all systems cancels. A system may have several seeds: its hits are then means
over the seeds, and the spread is over tracks, not over seeds; that is the standard deviation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.record import DataError
from .metrics import (
    MEASURES,
    Estimate,
    Groups,
    Integers,
    Result,
    draws,
    hits,
    values,
    with_interval,
)
from .predictions import Predictions, read_predictions
from .probes.genres import protocol_masks


class Spread(Result):
    """Over seeds."""

    mean: float
    standard_deviation: float


class SystemMetrics(Result):
    """Of one system; the seeds' spread where there are several."""

    seeds: int
    accuracy: Estimate
    macro_recall: Estimate
    top2: Estimate
    over_seeds: Mapping[str, Spread] | None = None

    def __getitem__(self, measure: str) -> Estimate:
        """The estimate of one of MEASURES."""
        estimate: Estimate = getattr(self, measure)
        return estimate


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


@dataclass(frozen=True)
class _Hits:
    """Hits of each seed of one system on the common tracks: (seeds, tracks)."""

    right: NDArray[np.float64]
    among_two: NDArray[np.float64]

    def at(self, mask: NDArray[np.bool_]) -> _Hits:
        """Only the tracks of a mask."""
        return _Hits(self.right[:, mask], self.among_two[:, mask])


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
    each = {name: _hits(seeds, list(genres)) for name, seeds in read.items()}
    artists = _groups(everything, list(genres))
    masks = protocol_masks(_sets(everything[0], list(genres)), list(genres.values()))
    return _side_by_side(
        each,
        true,
        artists,
        left_out={
            name: max(len(p.keys) for p in seeds) - len(genres) for name, seeds in read.items()
        },
        groups={
            name: _side_by_side(
                {n: h.at(mask) for n, h in each.items()},
                true[mask],
                None if artists is None else artists[mask],
                genres=len(np.unique(true[mask])),
            )
            for name, mask in masks.items()
        },
    )


def _side_by_side(
    each: Mapping[str, _Hits], true: Integers, artists: Groups | None, **more: Any
) -> SideBySide:
    first = next(iter(each))
    return SideBySide(
        tracks=len(true),
        systems={name: _metrics(h, true, artists) for name, h in each.items()},
        against=first,
        differences={
            name: _difference(h, each[first], true, artists)
            for name, h in each.items()
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


def _hits(seeds: Sequence[Predictions], keys: Sequence[str]) -> _Hits:
    pairs = []
    for p in seeds:
        row_of = {key: i for i, key in enumerate(p.keys)}
        rows = [row_of[key] for key in keys]
        pairs.append(hits(p.probabilities[rows], p.true[rows]))
    return _Hits(*(np.stack(side) for side in zip(*pairs, strict=True)))


def _metrics(system: _Hits, true: Integers, groups: Groups | None) -> SystemMetrics:
    right, among_two = system.right.mean(0), system.among_two.mean(0)
    value, drawn = values(right, among_two, true), draws(right, among_two, true, groups)
    more = {}
    if len(system.right) > 1:
        seeds = [values(*pair, true) for pair in zip(system.right, system.among_two, strict=True)]
        more["over_seeds"] = {
            m: Spread(
                mean=round(float(np.mean([s[m] for s in seeds])), 4),
                standard_deviation=round(float(np.std([s[m] for s in seeds], ddof=1)), 4),
            )
            for m in MEASURES
        }
    estimates = {m: with_interval(value[m], drawn[m]) for m in MEASURES}
    return SystemMetrics(seeds=len(system.right), **estimates, **more)


def _difference(
    system: _Hits, first: _Hits, true: Integers, groups: Groups | None
) -> dict[str, PairedDifference]:
    mine, other = ((h.right.mean(0), h.among_two.mean(0), true) for h in (system, first))
    value, against = values(*mine), values(*other)
    drawn, base = draws(*mine, groups), draws(*other, groups)
    return {
        m: PairedDifference(
            difference=with_interval(value[m] - against[m], drawn[m] - base[m]),
            above_zero=_above_zero(drawn[m] - base[m]),
        )
        for m in MEASURES
    }


def _above_zero(differences: NDArray[np.float64]) -> float | None:
    """Share of the draws above zero, half of those at it; None where all are: nothing differs."""
    return round(float((np.sign(differences) / 2 + 0.5).mean()), 4) if differences.any() else None
