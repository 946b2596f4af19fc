"""The decision: from the probabilities of a step to a status and a genre, with hysteresis.

The probabilities of steps with music are smoothed exponentially. A label becomes the genre when its
smoothed probability reaches a threshold and leads the current genre by a margin. The genre is kept
until another label replaces it or its own probability falls below a lower threshold, as in a
Schmitt trigger. Without a genre, the status is "unsure".

The probability of music is smoothed in the same way. After silence, it is the mean since the end of
the silence instead, so that a pause does not delay the detection of the next track.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..update import Status
from .card import Thresholds

_DOUBT = 0.25  # s of non-music added to that mean, so that a single tap or chime is not music
_TOO_SHORT = 0.1  # s; a last step with less new audio does not change the decision


class Decider:
    """Decides on each step of one stream."""

    def __init__(self, thresholds: Thresholds, classes: int) -> None:
        self._thresholds, self._classes = thresholds, classes
        self.reset()

    def reset(self) -> None:
        """Discard the smoothed probabilities and the current genre."""
        self.smoothed: NDArray[np.float64] = np.full(self._classes, 1 / self._classes)
        self._music = 1.0
        self._has_music = self._has_steps = False
        self._since_silence = math.inf  # s
        self._current: int | None = None
        self._last: tuple[Status, int | None] | None = None

    def decide(
        self, probabilities: NDArray[np.float32], music: float, level: float, seconds: float
    ) -> tuple[Status, int | None]:
        """Status and genre index of a step with `seconds` of new audio at `level` dBFS."""
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
            self._music += (music - self._music) * (fresh if self._has_steps else 1.0)
        self._has_steps = True
        if self._music < limits.music or level < limits.silence:
            self._current = None
            return "no-music", None
        self.smoothed += (probabilities - self.smoothed) * (share if self._has_music else 1.0)
        self._has_music = True
        top = int(self.smoothed.argmax())
        if self._current is not None and self.smoothed[self._current] < limits.hold:
            self._current = None
        lead = self.smoothed[top] - (0.0 if self._current is None else self.smoothed[self._current])
        if self.smoothed[top] >= limits.unsure and (self._current is None or lead >= limits.margin):
            self._current = top
        return ("unsure", None) if self._current is None else ("genre", self._current)
