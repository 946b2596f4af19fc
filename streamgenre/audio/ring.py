"""Ring buffers for one producer and one consumer, in Numba.

Head and tail are counters that only grow, each with one writer: the producer moves the head after
its samples are in place, the consumer moves the tail after it is done with them. What makes that
order hold between threads is the GIL, which a kernel keeps while it runs; on builds without a GIL a
lock around each kernel does.

`Ring` takes what there is room for: its producer waits. `LiveRing` takes everything and gives up
the oldest: the world does not wait.
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


def _guard() -> contextlib.AbstractContextManager[object]:
    """What orders the two sides' looks at the counters: the GIL, or a lock where there is none."""
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    return contextlib.nullcontext() if gil else threading.Lock()


class LiveRing:
    """Holds the newest `capacity` samples; what nobody read in time is dropped and counted."""

    def __init__(self, capacity: int) -> None:
        self._buffer = np.zeros(capacity, np.float32)
        self._ends = np.zeros(2, np.int64)
        self._guard = _guard()
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


class Ring:
    """Holds up to `capacity` unread samples, and the `history` read before them.

    What was never written reads as zeros: a stream begins in silence.
    """

    def __init__(self, capacity: int, history: int = 0) -> None:
        self.buffer = np.zeros(capacity + history, np.float32)
        self._ends = np.zeros(2, np.int64)
        self._history = history
        self._guard = _guard()

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

    def read(self, out: NDArray[np.float32]) -> int:
        """Fill `out` (n,) with the oldest waiting samples, as far as there are; gives how many."""
        with self._guard:
            return _take(self.buffer, self._ends, out)[1]

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
