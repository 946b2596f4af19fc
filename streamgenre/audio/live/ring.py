"""A ring buffer that drops its oldest samples, so that the audio callback never waits (Numba).

Both sides move the tail, so reading the counters and copying must be atomic for the other thread. A
kernel is atomic because it holds the GIL. On builds without a GIL, a lock protects each kernel.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..jit import kernel
from ..ring import HEAD as _HEAD
from ..ring import TAIL as _TAIL
from ..ring import guard


@kernel
def _write_over(
    buffer: NDArray[np.float32], ends: NDArray[np.int64], block: NDArray[np.float32]
) -> None:
    """Copy `block`, overwriting the oldest samples if there is no space."""
    size = len(buffer)
    first = max(0, len(block) - size)
    position = (ends[_HEAD] + first) % size
    for i in range(first, len(block)):
        buffer[position] = block[i]
        position += 1
        if position == size:
            position = 0
    ends[_HEAD] += len(block)


@kernel
def _take(
    buffer: NDArray[np.float32], ends: NDArray[np.int64], out: NDArray[np.float32]
) -> tuple[int, int]:
    """Count overwritten samples, then read up to len(out); returns both numbers.

    This is one kernel, so that the producer cannot interrupt it.
    """
    size = len(buffer)
    lost = max(0, ends[_HEAD] - ends[_TAIL] - size)
    ends[_TAIL] += lost
    count = min(len(out), ends[_HEAD] - ends[_TAIL])
    position = ends[_TAIL] % size
    for i in range(count):
        out[i] = buffer[position]
        position += 1
        if position == size:
            position = 0
    ends[_TAIL] += count
    return lost, count


class LiveRing:
    """Holds the latest `capacity` samples and counts samples that were dropped unread."""

    def __init__(self, capacity: int) -> None:
        self._buffer = np.zeros(capacity, np.float32)
        self._ends = np.zeros(2, np.int64)
        self._guard = guard()
        # Compile now, since the audio thread must not wait.
        self.write(np.zeros(0, np.float32))
        self.read(0)

    @property
    def written(self) -> int:
        """Number of samples written so far."""
        return int(self._ends[_HEAD])

    def __len__(self) -> int:
        """Number of unread samples."""
        with self._guard:
            return min(len(self._buffer), int(self._ends[_HEAD] - self._ends[_TAIL]))

    def write(self, block: NDArray[np.float32]) -> None:
        """Write float32 samples (n,). Never blocks."""
        with self._guard:
            _write_over(self._buffer, self._ends, block)

    def read(self, most: int) -> tuple[int, NDArray[np.float32]]:
        """Number of samples dropped since the last read, and up to `most` of the oldest samples.

        The samples are a new array. The dropped samples came directly before them.
        """
        out = np.empty(min(most, len(self._buffer)), np.float32)
        with self._guard:
            lost, count = _take(self._buffer, self._ends, out)
        return lost, out[:count]
