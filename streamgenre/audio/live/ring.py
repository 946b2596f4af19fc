"""A ring that the audio callback never waits for (Numba): it gives up its oldest samples instead.

Both sides move the tail here, so a look at the counters and a copy must be one step to the other
thread: a kernel, which keeps the GIL while it runs. On builds without a GIL a lock around each
kernel does it.
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
    """Copy all of `block`, over the oldest where there is no room."""
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
    """Count as lost what was written over, then read up to len(out): how many lost, how many read.

    One kernel, so that the producer cannot come in between.
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
    """Holds the newest `capacity` samples; what nobody read in time is dropped and counted."""

    def __init__(self, capacity: int) -> None:
        self._buffer = np.zeros(capacity, np.float32)
        self._ends = np.zeros(2, np.int64)
        self._guard = guard()
        # Compiled here: the audio thread has no time for it.
        self.write(np.zeros(0, np.float32))
        self.read(0)

    @property
    def written(self) -> int:
        """Count of all samples so far."""
        return int(self._ends[_HEAD])

    def __len__(self) -> int:
        """Samples that wait to be read."""
        with self._guard:
            return min(len(self._buffer), int(self._ends[_HEAD] - self._ends[_TAIL]))

    def write(self, block: NDArray[np.float32]) -> None:
        """Take float32 samples (n,), all of them; never waits."""
        with self._guard:
            _write_over(self._buffer, self._ends, block)

    def read(self, most: int) -> tuple[int, NDArray[np.float32]]:
        """How many samples were dropped since the last read, and then the oldest that wait.

        These are up to `most`, a new array (n,). The dropped ones came just before them.
        """
        out = np.empty(min(most, len(self._buffer)), np.float32)
        with self._guard:
            lost, count = _take(self._buffer, self._ends, out)
        return lost, out[:count]
