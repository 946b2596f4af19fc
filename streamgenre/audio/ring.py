"""A ring buffer for one producer, which waits, and one consumer.

Head and tail are counters that only grow, each with one writer: the producer moves the head after
its samples are in place, the consumer moves the tail after it is done with them. What makes that
order hold between threads is the GIL; on builds without one a lock around each call does.
"""

from __future__ import annotations

import contextlib
import sys
import threading

import numpy as np
from numpy.typing import NDArray

HEAD, TAIL = 0, 1


def guard() -> contextlib.AbstractContextManager[object]:
    """What orders the two sides' looks at the counters: the GIL, or a lock where there is none."""
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    return contextlib.nullcontext() if gil else threading.Lock()


class Ring:
    """Holds up to `capacity` unread samples, and the `history` read before them.

    What was never written reads as zeros: a stream begins in silence.
    """

    def __init__(self, capacity: int, history: int = 0) -> None:
        self.buffer = np.zeros(capacity + history, np.float32)
        self._ends = np.zeros(2, np.int64)
        self._history = history
        self._guard = guard()

    def __len__(self) -> int:
        """Samples that wait to be read."""
        with self._guard:
            return int(self._ends[HEAD] - self._ends[TAIL])

    @property
    def tail(self) -> int:
        """Count of all samples read so far."""
        return int(self._ends[TAIL])

    def write(self, block: NDArray[np.float32]) -> int:
        """Take float32 samples (n,) as far as there is room; gives how many were taken."""
        with self._guard:
            waiting = int(self._ends[HEAD] - self._ends[TAIL])
            count = min(len(block), len(self.buffer) - self._history - waiting)
            at = 0
            for part in self._parts(int(self._ends[HEAD]), count):
                part[:] = block[at : at + len(part)]
                at += len(part)
            self._ends[HEAD] += count
        return count

    def read(self, out: NDArray[np.float32]) -> int:
        """Fill `out` (n,) with the oldest waiting samples, as far as there are; gives how many."""
        with self._guard:
            count = min(len(out), int(self._ends[HEAD] - self._ends[TAIL]))
            at = 0
            for part in self._parts(self.tail, count):
                out[at : at + len(part)] = part
                at += len(part)
            self._ends[TAIL] += count
        return count

    def advance(self, samples: int) -> None:
        """Count so many waiting samples as read; the last `history` of them stay readable."""
        if samples > len(self):
            raise ValueError(f"{samples} samples to read, {len(self)} there")
        with self._guard:
            self._ends[TAIL] += samples

    def held(self, back: int, count: int) -> list[NDArray[np.float32]]:
        """The `count` samples from `back` before the tail on, in place: one part, or two."""
        if count > len(self.buffer):
            raise ValueError(f"{count} samples to see, {len(self.buffer)} held")
        return self._parts(self.tail - back, count)

    def _parts(self, position: int, count: int) -> list[NDArray[np.float32]]:
        """Where `count` samples from a position on lie: one part of the buffer, or two."""
        first = position % len(self.buffer)
        parts = [self.buffer[first : first + count]]
        if (rest := count - len(parts[0])) > 0:
            parts.append(self.buffer[:rest])
        return parts

    def clear(self) -> None:
        """Forget everything, as at the start."""
        with self._guard:
            self.buffer[:] = 0
            self._ends[:] = 0
