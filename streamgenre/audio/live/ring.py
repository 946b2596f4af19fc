"""A ring that never makes the audio callback wait: it drops its oldest samples instead (Numba).

Both sides move the tail, so that reading the counters and copying must be atomic to the other
thread. A kernel is atomic because it holds the GIL while it runs. On builds without a GIL, a lock
around each kernel has this role.
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
    """Copy all of `block`, overwriting the oldest samples if there is no room."""
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

    One kernel, so that the producer cannot interrupt it.
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
    """Holds the newest `capacity` samples; counts those dropped because they were not read."""

    def __init__(self, capacity: int) -> None:
        self._buffer = np.zeros(capacity, np.float32)
        self._ends = np.zeros(2, np.int64)
        self._guard = guard()
        # Compile now: the audio thread has no time for it.
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
        """Write all of the float32 samples (n,); never waits."""
        with self._guard:
            _write_over(self._buffer, self._ends, block)

    def read(self, most: int) -> tuple[int, NDArray[np.float32]]:
        """Number of samples dropped since the last read, and the oldest unread samples.

        The samples are a new array of up to `most`. The dropped ones came just before them.
        """
        out = np.empty(min(most, len(self._buffer)), np.float32)
        with self._guard:
            lost, count = _take(self._buffer, self._ends, out)
        return lost, out[:count]
