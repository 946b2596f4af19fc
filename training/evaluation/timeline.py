"""Timelines of mixes against their truth, through the product's own way: decision, smoothing, all.

What is not decided ("unsure", "no music") counts as wrong in the accuracy. A *switch* is a moment
from which another genre than the last decided one is decided; time without a decision in between
is none. A switch is *false* unless a true change, or the start of the mix, lies within the 10 s
before it or in its own step, or it lies in a crossfade: a jump to a wrong genre and back counts
twice, a right answer that comes later than 10 s once. *Boundaries* are the switches, matched
within 3 s by mir_eval (ends of the mix ignored). The *delay* runs from a true change (the middle
of a crossfade) to the end of the first step that decides for the new genre, 0 where it was decided
already.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import mir_eval.segment  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

from streamgenre.model.model import Model
from streamgenre.update import Segment

from ..data.record import SAMPLE_RATE
from .bootstrap import mean_draws, ratio_draws, with_interval
from .mixes import TRANSITIONS, Mix, Part, Transition

TOLERANCE = 3.0  # s, for boundaries
GRACE = 10.0  # s after a true change in which a switch is no false one


@dataclass(frozen=True)
class Measured:
    """One mix: times in seconds."""

    transition: Transition
    duration: float
    right: float  # time with the right genre decided
    decided: float  # time with any genre decided
    boundaries: tuple[float, float, float]  # precision, recall, F
    false_switches: int
    delays: tuple[float | None, ...]  # of each true change; None: not within its part


def measure_mixes(
    model: Model,
    mixes: Iterable[Mix],
    hop: float,
    told: Callable[[int], None] = lambda number: None,
) -> dict[str, Any]:
    """Figures over all mixes and of each kind of transition; `told` hears how many are done."""
    measured = []
    for number, mix in enumerate(mixes, 1):
        segments = model.classify((mix.samples, SAMPLE_RATE), hop).segments
        measured.append(measure(mix.parts, segments, hop, mix.transition))
        told(number)
    kinds = {kind: [m for m in measured if m.transition == kind] for kind in TRANSITIONS}
    return {
        "hop": hop,
        **summary(measured),
        "transitions": {kind: summary(members) for kind, members in kinds.items() if members},
    }


def measure(
    truth: Sequence[Part], segments: Sequence[Segment], hop: float, transition: Transition
) -> Measured:
    """One mix's decided segments, from steps of `hop` seconds, against its parts."""
    edges = np.unique([0.0, *(p.end for p in truth), *(s.end for s in segments)])
    lengths, middles = np.diff(edges), (edges[1:] + edges[:-1]) / 2
    true = [_at(truth, time).genre for time in middles]
    decided = [_at(segments, time).genre for time in middles]
    right = np.array([a == b for a, b in zip(true, decided, strict=True)])
    known = np.array([genre is not None for genre in decided])
    switches = find_switches(segments)
    return Measured(
        transition,
        float(lengths.sum()),
        float(lengths[right].sum()),
        float(lengths[known].sum()),
        boundary_scores([p.start for p in truth[1:]], switches, truth[-1].end),
        sum(not any(_allowed(part, time, hop) for part in truth) for time in switches),
        tuple(delay(part, segments, hop) for part in truth[1:]),
    )


def find_switches(segments: Sequence[Segment]) -> list[float]:
    """Moments from which another genre than the last decided one is decided."""
    decided = [s for s in segments if s.genre is not None]
    return [b.start for a, b in itertools.pairwise(decided) if a.genre != b.genre]


def boundary_scores(
    true: Sequence[float], found: Sequence[float], end: float
) -> tuple[float, float, float]:
    """Precision, recall and F-measure of boundaries inside a mix, within TOLERANCE."""
    if not true or not found:
        return (0.0, 0.0, 0.0) if true or found else (1.0, 1.0, 1.0)
    scores = mir_eval.segment.detection(  # type: ignore[no-untyped-call]
        _intervals(true, end), _intervals(found, end), window=TOLERANCE, trim=True
    )
    precision, recall, f = map(float, scores)
    return precision, recall, f


def summary(measured: Sequence[Measured]) -> dict[str, Any]:
    """Time-weighted and pooled over mixes; boundary figures are means over mixes."""
    duration = np.array([m.duration for m in measured])
    right, decided = (np.array([getattr(m, name) for m in measured]) for name in _TIMES)
    delays = [delay for m in measured for delay in m.delays]
    reached = [delay for delay in delays if delay is not None]
    precision, recall, f = np.mean([m.boundaries for m in measured], axis=0)
    minutes = float(duration.sum() / 60)
    switches = np.array([m.false_switches for m in measured])
    return {
        "mixes": len(measured),
        "minutes": round(minutes, 1),
        "accuracy": with_interval(right.sum() / duration.sum(), ratio_draws(right, duration)),
        "coverage": round(float(decided.sum() / duration.sum()), 4),
        "accuracy_where_decided": _share(right.sum(), decided.sum()),
        "boundary_f": round(float(f), 4),
        "boundary_f_interval": with_interval(
            float(f), mean_draws([m.boundaries[2] for m in measured])
        )[1:],
        "boundary_precision": round(float(precision), 4),
        "boundary_recall": round(float(recall), 4),
        "false_switches_a_minute": round(float(switches.sum()) / minutes, 3),
        "false_switches_interval": with_interval(
            float(switches.sum()) / minutes, ratio_draws(switches, duration / 60)
        )[1:],
        "changes": len(delays),
        "median_delay": round(float(np.median(reached)), 2) if reached else None,
        "never_reached": _share(len(delays) - len(reached), len(delays)),
    }


_TIMES = ("right", "decided")


def _at(stretches: Sequence[Any], time: float) -> Any:
    """The stretch that holds a time; the last one where the rounding of its end leaves it out."""
    return next((s for s in stretches if s.start <= time < s.end), stretches[-1])


def _allowed(part: Part, time: float, hop: float) -> bool:
    """Whether a part's beginning explains a switch whose step is (time, time + hop]."""
    first, last = part.start - part.fade / 2, part.start + max(GRACE, part.fade / 2)
    return first - hop <= time <= last


def delay(part: Part, segments: Sequence[Segment], hop: float) -> float | None:
    """Seconds until the part's genre is decided. A step's decision is known at the step's end."""
    for s in segments:
        known = s.start + hop
        if s.genre == part.genre and s.end > part.start and known <= part.end:
            return max(0.0, known - part.start)
    return None


def _intervals(boundaries: Sequence[float], end: float) -> NDArray[np.float64]:
    edges = np.array([0.0, *boundaries, end])
    return np.stack([edges[:-1], edges[1:]], 1)


def _share(part: float, whole: float) -> float | None:
    return round(float(part / whole), 4) if whole else None
