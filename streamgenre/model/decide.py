"""From a step's probabilities to a decision that neither flickers nor lags.

Pure but for the few numbers that it keeps between steps; it knows nothing of networks or audio.
Probabilities of music steps are smoothed exponentially. A label becomes the genre when it reaches a
threshold and, where there is one already, has a lead; the genre stays until another takes over or
its own probability has sunk to a lower threshold (Schmitt's trigger). In between it is unsure.

Whether it is music at all is smoothed likewise, but after silence by the mean since its end, so
that a piece's first seconds are not held against the pause before it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..update import Status
from .card import Thresholds

_DOUBT = 0.25  # s of no music that go into that mean: a tap or a chime alone is no music yet
_TOO_SHORT = 0.1  # s of new audio, at a recording's end, that cannot change a decision


class Decider:
    """Decides step after step; one for each stream."""

    def __init__(self, thresholds: Thresholds, classes: int) -> None:
        self._thresholds, self._classes = thresholds, classes
        self.reset()

    def reset(self) -> None:
        """Forget what was heard."""
        self.smoothed: NDArray[np.float64] = np.full(self._classes, 1 / self._classes)
        self._music = 1.0
        self._heard_music = self._heard = False
        self._since_silence = math.inf  # s
        self._current: int | None = None
        self._last: tuple[Status, int | None] | None = None

    def decide(
        self, probabilities: NDArray[np.float32], music: float, level: float, seconds: float
    ) -> tuple[Status, int | None]:
        """Status and genre index of a step that brought `seconds` of new audio at `level` dBFS."""
        if self._last is None or seconds >= _TOO_SHORT:
            self._last = self._decide(probabilities, music, level, seconds)
        return self._last

    def _decide(
        self, probabilities: NDArray[np.float32], music: float, level: float, seconds: float
    ) -> tuple[Status, int | None]:
        limits = self._thresholds
        share = 1 - math.exp(-seconds / limits.smoothing)
        if level < limits.silence:
            self._music = self._since_silence = 0.0
        else:
            self._since_silence += seconds
            fresh = max(share, seconds / (self._since_silence + _DOUBT))
            self._music += (music - self._music) * (fresh if self._heard else 1.0)
        self._heard = True
        if self._music < limits.music or level < limits.silence:
            self._current = None
            return "no-music", None
        self.smoothed += (probabilities - self.smoothed) * (share if self._heard_music else 1.0)
        self._heard_music = True
        top = int(self.smoothed.argmax())
        if self._current is not None and self.smoothed[self._current] < limits.hold:
            self._current = None
        lead = self.smoothed[top] - (0.0 if self._current is None else self.smoothed[self._current])
        if self.smoothed[top] >= limits.unsure and (self._current is None or lead >= limits.margin):
            self._current = top
        return ("unsure", None) if self._current is None else ("genre", self._current)
