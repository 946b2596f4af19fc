"""What a network hears of the ring at each step: a window of samples, or of log-mel bands.

A front end belongs to one stream. Where windows overlap, the log-mel one keeps the frames that they
share: at a hop of 0.5 s a step computes 54 of its 251. That is exact. A window's frames are centred
on every 160th sample, and silence is thought around the window; so the first two and the last two
hear that silence and are computed for this window alone, all others are the same in each window
that holds them.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..audio import framing
from ..audio.logmel import BANDS, EDGE, SILENT, STEP, LogMel, logmel
from ..audio.ring import Ring
from .card import Hop


class FrontEnd(Protocol):
    """`heard` (1, ...) is the network's input after a `read`."""

    heard: NDArray[np.float32]

    def read(self, ring: Ring) -> framing.Taken:
        """Take one hop of new samples off the ring; gives their level and damage."""
        ...

    def clear(self) -> None:
        """Hear silence before what comes."""
        ...


class SampleWindow:
    """`heard` (1, window): the samples themselves."""

    def __init__(self, hop: Hop) -> None:
        self._new = hop.samples
        self.heard = np.zeros((1, hop.window), np.float32)

    def read(self, ring: Ring) -> framing.Taken:
        """See FrontEnd."""
        return framing.frame(ring, self._new, self.heard[0])

    def clear(self) -> None:
        """See FrontEnd; the ring holds all there is."""


class LogMelWindow:
    """`heard` (1, 1, BANDS, frames): log-mel of the window, computed by `logmel`."""

    def __init__(self, hop: Hop, logmel: LogMel) -> None:
        self._hop, self._logmel = hop, logmel
        count = hop.window // STEP + 1
        self.heard = np.full((1, 1, BANDS, count), SILENT, np.float32)
        # Frames are shared where a hop moves them by whole ones.
        whole = hop.samples % STEP == 0 and hop.window % STEP == 0
        self._moved = hop.samples // STEP if whole else count
        self._kept = max(0, count - self._moved - 2 * EDGE)
        self._edge = range(EDGE)
        self._new = range(EDGE + self._kept if self._kept else 0, count)

    def read(self, ring: Ring) -> framing.Taken:
        """See FrontEnd."""
        window, bands = self._hop.window, self.heard[0, 0]
        found = framing.take(ring, self._hop.samples)
        begin = (ring.tail - window) % len(ring.buffer)
        if self._kept:
            bands[:, EDGE:][:, : self._kept] = bands[:, EDGE + self._moved : -EDGE]
            self._logmel(ring.buffer, begin, window, self._edge, bands[:, :EDGE])
        self._logmel(ring.buffer, begin, window, self._new, bands[:, self._new.start :])
        return found

    def clear(self) -> None:
        """See FrontEnd."""
        self.heard[:] = SILENT


def logmel_windows(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log-mel (B, 1, BANDS, frames) of whole windows (B, window), silence around each."""
    frames = range(samples.shape[1] // STEP + 1)
    heard = np.empty((len(samples), 1, BANDS, len(frames)), np.float32)
    for row, bands in zip(samples, heard, strict=True):
        logmel(row, 0, len(row), frames, bands[0])
    return heard
