"""Does the decision hold still while one track plays? Changes of the decided genre a minute.

Every track of 10 s and more by itself, at the live hop, through smoothing and decision. A change
between genres is a moment from which another genre than the last decided one is decided; "unsure"
in between is none. Beside it all changes after the first decided genre, those to and from "unsure"
and "no music" included. Rates are pooled over tracks, intervals over tracks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from streamgenre.model.timeline import Timeline
from streamgenre.update import Segment

from .bootstrap import mean_draws, ratio_draws, with_interval
from .replay import Timelines
from .timeline import find_switches

SHORTEST = 10.0  # s


def switches(timelines: Timelines) -> dict[str, Any] | None:
    """Changes a minute over the tracks that are long enough; None where there is none."""
    long = [timeline for timeline in timelines.values() if timeline.duration >= SHORTEST]
    if not long:
        return None
    minutes = [timeline.duration / 60 for timeline in long]
    between, every = np.array([_changes(timeline) for timeline in long]).T
    steady = between == 0
    return {
        "hop": long[0].hop,
        "tracks": len(long),
        "minutes": round(sum(minutes), 1),
        "changes_between_genres": int(between.sum()),
        "between_genres_a_minute": _rate(between, minutes),
        "changes_with_unsure": int(every.sum()),
        "with_unsure_a_minute": _rate(every, minutes),
        "tracks_without_change": with_interval(float(steady.mean()), mean_draws(steady)),
    }


def all_changes(segments: Sequence[Segment]) -> int:
    """Changes of what is decided, whatever to, after the first decided genre."""
    first = next((i for i, s in enumerate(segments) if s.genre is not None), len(segments))
    return max(0, len(segments) - 1 - first)


def _changes(timeline: Timeline) -> tuple[int, int]:
    segments = timeline.segments
    return len(find_switches(segments)), all_changes(segments)


def _rate(changes: Any, minutes: Sequence[float]) -> list[float]:
    return with_interval(float(changes.sum()) / sum(minutes), ratio_draws(changes, minutes))
