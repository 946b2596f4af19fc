"""Front ends: compute the network's input from the ring buffer, as samples or log-mel frames.

A front end belongs to one stream. Consecutive windows overlap, so the log-mel front end keeps the
frames that they share: at a hop of 0.5 s, a step computes 54 of its 251 frames. The result is
exact. Frames are centred on every 160th sample of a zero-padded window. Only the first two and the
last two frames depend on the padding, so they are computed for each window. All others are the same
in every window that contains them.
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
    """Reads hops from the ring buffer of a stream."""

    inputs: NDArray[np.float32]
    """The network's input (1, ...) after `read`."""

    def read(self, ring: Ring) -> framing.Taken:
        """Consume one hop from the ring buffer; returns its level and non-finite samples."""
        ...

    def clear(self) -> None:
        """Reset the history to silence."""
        ...


class SampleWindow:
    """Samples as they are: `inputs` is float32 (1, window)."""

    def __init__(self, hop: Hop) -> None:
        self._new = hop.samples
        self.inputs = np.zeros((1, hop.window), np.float32)

    def read(self, ring: Ring) -> framing.Taken:
        """See FrontEnd."""
        return framing.frame(ring, self._new, self.inputs[0])

    def clear(self) -> None:
        """See FrontEnd. The history is in the ring buffer, so there is nothing to do."""


class LogMelWindow:
    """Log-mel frames computed by `logmel`: `inputs` is float32 (1, 1, BANDS, frames)."""

    def __init__(self, hop: Hop, logmel: LogMel) -> None:
        self._hop, self._logmel = hop, logmel
        count = hop.window // STEP + 1
        self.inputs = np.full((1, 1, BANDS, count), SILENT, np.float32)
        # Windows share frames only if a hop is a whole number of frames.
        whole = hop.samples % STEP == 0 and hop.window % STEP == 0
        self._moved = hop.samples // STEP if whole else count
        self._kept = max(0, count - self._moved - 2 * EDGE)
        self._edge = range(EDGE)
        self._new = range(EDGE + self._kept if self._kept else 0, count)

    def read(self, ring: Ring) -> framing.Taken:
        """See FrontEnd."""
        window, bands = self._hop.window, self.inputs[0, 0]
        taken = framing.take(ring, self._hop.samples)
        begin = (ring.tail - window) % len(ring.buffer)
        if self._kept:
            bands[:, EDGE:][:, : self._kept] = bands[:, EDGE + self._moved : -EDGE]
            self._logmel(ring.buffer, begin, window, self._edge, bands[:, :EDGE])
        self._logmel(ring.buffer, begin, window, self._new, bands[:, self._new.start :])
        return taken

    def clear(self) -> None:
        """See FrontEnd."""
        self.inputs[:] = SILENT


def logmel_windows(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log-mel frames (B, 1, BANDS, frames) of zero-padded windows (B, window)."""
    frames = range(samples.shape[1] // STEP + 1)
    windows = np.empty((len(samples), 1, BANDS, len(frames)), np.float32)
    for row, bands in zip(samples, windows, strict=True):
        logmel(row, 0, len(row), frames, bands[0])
    return windows
