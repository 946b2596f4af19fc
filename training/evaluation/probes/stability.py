"""Stability: changes of the decided genre a minute while one track plays.

Every track of 10 s and more by itself, at the live hop, through smoothing and decision. A change
between genres is a moment from which another genre than the last decided one is decided; "unsure"
in between is none. Beside it all changes after the first decided genre, those to and from "unsure"
and "no music" included. Rates are pooled over tracks, intervals over tracks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from streamgenre.model.timeline import Timeline
from streamgenre.update import Segment

from ..metrics import Estimate, Result, mean_draws, ratio_draws, with_interval
from ..presentation import table
from .mixes import find_switches
from .replay import Timelines

SHORTEST = 10.0  # s


class Stability(Result):
    """Changes within tracks, and their rates a minute of music."""

    hop: float  # s
    tracks: int
    minutes: float
    changes_between_genres: int
    between_genres_a_minute: Estimate
    changes_with_unsure: int
    with_unsure_a_minute: Estimate
    steady: Estimate = Field(alias="tracks_without_change")


def measure(timelines: Timelines) -> Stability | None:
    """Changes a minute over the tracks that are long enough; None where there is none."""
    long = [timeline for timeline in timelines.values() if timeline.duration >= SHORTEST]
    if not long:
        return None
    minutes = [timeline.duration / 60 for timeline in long]
    between, every = np.array([_changes(timeline) for timeline in long]).T
    steady = between == 0
    return Stability(
        hop=long[0].hop,
        tracks=len(long),
        minutes=round(sum(minutes), 1),
        changes_between_genres=int(between.sum()),
        between_genres_a_minute=_rate(between, minutes),
        changes_with_unsure=int(every.sum()),
        with_unsure_a_minute=_rate(every, minutes),
        steady=with_interval(float(steady.mean()), mean_draws(steady)),
    )


def all_changes(segments: Sequence[Segment]) -> int:
    """Changes of what is decided, whatever to, after the first decided genre."""
    first = next((i for i, s in enumerate(segments) if s.genre is not None), len(segments))
    return max(0, len(segments) - 1 - first)


def _changes(timeline: Timeline) -> tuple[int, int]:
    segments = timeline.segments
    return len(find_switches(segments)), all_changes(segments)


def _rate(changes: NDArray[np.int64], minutes: Sequence[float]) -> Estimate:
    return with_interval(float(changes.sum()) / sum(minutes), ratio_draws(changes, minutes))


def summary(s: Stability) -> list[str]:
    """A sentence for the head of the report."""
    return [
        f"Within a track the decided genre changes {s.between_genres_a_minute.value:.2f} times a "
        "minute."
    ]


def section(s: Stability | None) -> list[str]:
    """Steadiness within a track."""
    if not s:
        return []
    rows = [
        ("between genres", s.changes_between_genres, s.between_genres_a_minute),
        ('with "unsure" and "no music"', s.changes_with_unsure, s.with_unsure_a_minute),
    ]
    return [
        "## Steadiness within a track",
        f"{s.tracks} tracks of 10 s and more, each by itself, {s.minutes} minutes, steps of "
        f"{s.hop} s, as decided: changes after the first decided genre. "
        f"{s.steady} of the tracks keep one genre throughout.",
        table(["changes", "number", "a minute of music"], rows),
    ]
