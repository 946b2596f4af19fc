"""A ring buffer for one producer and one consumer, in Numba.

Head and tail are counters that only grow; the producer moves the head after its samples are in
place, the consumer moves the tail after it is done with them. What makes that order hold between
threads is the GIL, which a kernel keeps while it runs; on builds without a GIL a lock around every
look at the counters does.
"""

from __future__ import annotations

import contextlib
import sys
import threading

import numpy as np
from numpy.typing import NDArray

from .jit import kernel

_HEAD, _TAIL = 0, 1


@kernel
def _write(
    buffer: NDArray[np.float32], ends: NDArray[np.int64], kept: int, block: NDArray[np.float32]
) -> int:
    """Copy as much of `block` as there is room for; gives how much that was."""
    size = len(buffer)
    room = size - kept - (ends[_HEAD] - ends[_TAIL])
    count = min(room, len(block))
    position = ends[_HEAD] % size
    for i in range(count):
        buffer[position] = block[i]
        position += 1
        if position == size:
            position = 0
    ends[_HEAD] += count
    return int(count)


class Ring:
    """Holds up to `capacity` unread samples, and the `history` read before them.

    What was never written reads as zeros: a stream begins in silence.
    """

    def __init__(self, capacity: int, history: int = 0) -> None:
        self.buffer = np.zeros(capacity + history, np.float32)
        self._ends = np.zeros(2, np.int64)
        self._history = history
        gil = getattr(sys, "_is_gil_enabled", lambda: True)()
        self._guard: contextlib.AbstractContextManager[object] = (
            contextlib.nullcontext() if gil else threading.Lock()
        )

    def __len__(self) -> int:
        """Samples that wait to be read."""
        with self._guard:
            return int(self._ends[_HEAD] - self._ends[_TAIL])

    @property
    def tail(self) -> int:
        """Count of all samples read so far."""
        return int(self._ends[_TAIL])

    def write(self, block: NDArray[np.float32]) -> int:
        """Take float32 samples (n,) as far as there is room; gives how many were taken."""
        with self._guard:
            return _write(self.buffer, self._ends, self._history, block)

    def read(self, samples: int) -> NDArray[np.float32]:
        """The oldest waiting samples, a new array (samples,), counted as read."""
        wanted = np.arange(self.tail, self.tail + samples) % len(self.buffer)
        block = self.buffer[wanted]
        self.advance(samples)
        return block

    def advance(self, samples: int) -> None:
        """Count so many waiting samples as read; the last `history` of them stay readable."""
        if samples > len(self):
            raise ValueError(f"{samples} samples to read, {len(self)} there")
        with self._guard:
            self._ends[_TAIL] += samples

    def clear(self) -> None:
        """Forget everything, as at the start."""
        with self._guard:
            self.buffer[:] = 0
            self._ends[:] = 0
