"""A ring buffer for one producer and one consumer. A full buffer accepts no more samples.

Head and tail are counters that only grow, each with one writer. The producer advances the head
after writing samples, and the consumer advances the tail after using them. The GIL guarantees this
order between threads. On builds without a GIL, a lock around each call does.
"""

from __future__ import annotations

import contextlib
import sys
import threading

import numpy as np
from numpy.typing import NDArray

HEAD, TAIL = 0, 1


def guard() -> contextlib.AbstractContextManager[object]:
    """A context that orders memory accesses: nothing with a GIL, a lock on builds without one."""
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    return contextlib.nullcontext() if gil else threading.Lock()


class Ring:
    """Holds up to `capacity` unread samples, and the last `history` samples that were read.

    Samples that were never written read as zeros: a stream begins with silence.
    """

    def __init__(self, capacity: int, history: int = 0) -> None:
        self.buffer = np.zeros(capacity + history, np.float32)
        self._ends = np.zeros(2, np.int64)
        self._history = history
        self._guard = guard()

    def __len__(self) -> int:
        """Number of unread samples."""
        with self._guard:
            return int(self._ends[HEAD] - self._ends[TAIL])

    @property
    def tail(self) -> int:
        """Number of samples read so far."""
        return int(self._ends[TAIL])

    def write(self, block: NDArray[np.float32]) -> int:
        """Write as many of the float32 samples (n,) as fit; returns how many."""
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
        """Read the oldest samples into `out` (n,), as many as there are; returns how many."""
        with self._guard:
            count = min(len(out), int(self._ends[HEAD] - self._ends[TAIL]))
            at = 0
            for part in self._parts(self.tail, count):
                out[at : at + len(part)] = part
                at += len(part)
            self._ends[TAIL] += count
        return count

    def advance(self, samples: int) -> None:
        """Mark samples as read; the last `history` of them stay readable."""
        if samples > len(self):
            raise ValueError(f"cannot consume {samples} samples, only {len(self)} are available")
        with self._guard:
            self._ends[TAIL] += samples

    def held(self, back: int, count: int) -> list[NDArray[np.float32]]:
        """Views of the `count` samples that begin `back` before the tail: one part, or two."""
        if count > len(self.buffer):
            raise ValueError(f"cannot view {count} samples, only {len(self.buffer)} are held")
        return self._parts(self.tail - back, count)

    def _parts(self, position: int, count: int) -> list[NDArray[np.float32]]:
        """Views of `count` samples from a position on: one part of the buffer, or two."""
        first = position % len(self.buffer)
        parts = [self.buffer[first : first + count]]
        if (rest := count - len(parts[0])) > 0:
            parts.append(self.buffer[:rest])
        return parts

    def clear(self) -> None:
        """Reset to the initial state."""
        with self._guard:
            self.buffer[:] = 0
            self._ends[:] = 0
