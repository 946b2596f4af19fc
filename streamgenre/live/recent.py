"""The last minutes as segments, kept up to date with each update: what the ribbon shows."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from ..update import Segment, Update


class Recent:
    """Segments of about the last `seconds`; bounded by time, and by number where they flicker."""

    _MOST = 2_000

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._segments: deque[Segment] = deque(maxlen=self._MOST)
        self._end = 0.0

    def append(self, update: Update) -> None:
        """Take the next update."""
        begin, self._end = self._end, update.time
        confidence = _confidence(update)
        last = self._segments[-1] if self._segments else None
        if last is not None and (last.status, last.genre) == (update.status, update.genre):
            share = (update.time - begin) / max(update.time - last.start, 1e-9)
            mean = last.confidence + (confidence - last.confidence) * share
            self._segments[-1] = replace(last, end=update.time, confidence=mean)
        else:
            self._segments.append(
                Segment(begin, update.time, update.status, update.genre, confidence)
            )
        while self._segments[0].end < update.time - self._seconds:
            self._segments.popleft()

    def segments(self) -> tuple[Segment, ...]:
        """The oldest first, without gaps between them."""
        return tuple(self._segments)


def _confidence(update: Update) -> float:
    """Probability of what was decided: see Segment.confidence."""
    if update.genre is not None:
        return update.probabilities[update.genre]
    if update.status == "unsure":
        return max(update.probabilities.values())
    return 1.0 - update.music if update.status == "no-music" else 0.0
