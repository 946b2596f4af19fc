"""Channels from a producer to a consumer: the rings, and alternatives from Python and NumPy.

Each channel copies the blocks, because a sound card owns them after the callback.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from streamgenre.audio.live.ring import LiveRing
from streamgenre.audio.ring import Ring

CAPACITY = 65_536  # samples
PATIENCE = 60.0  # s, timeout for the other side
Samples = NDArray[np.float32]


class Channel(Protocol):
    """A channel from one producer to one consumer."""

    def write(self, block: Samples) -> int:
        """Write as many samples as fit. Returns their number."""
        ...

    def read(self, most: int) -> tuple[int, Samples]:
        """Return the number of dropped samples, and at most `most` available samples."""
        ...


class _Ring:
    def __init__(self) -> None:
        self._ring = Ring(CAPACITY)

    def write(self, block: Samples) -> int:
        return self._ring.write(block)

    def read(self, most: int) -> tuple[int, Samples]:
        out = np.empty(most, np.float32)
        return 0, out[: self._ring.read(out)]


class _LiveRing:
    def __init__(self) -> None:
        self._ring = LiveRing(CAPACITY)

    def write(self, block: Samples) -> int:
        self._ring.write(block)
        return len(block)

    def read(self, most: int) -> tuple[int, Samples]:
        return self._ring.read(most)


class _Blocks:
    """Keeps the samples of a block that were not read yet."""

    def __init__(self, next_block: Callable[[], Samples | None]) -> None:
        self._next, self._rest = next_block, np.zeros(0, np.float32)

    def read(self, most: int) -> tuple[int, Samples]:
        parts, count = [self._rest], len(self._rest)
        while count < most and (block := self._next()) is not None:
            parts.append(block)
            count += len(block)
        joined = np.concatenate(parts)
        self._rest = joined[most:]
        return 0, joined[:most]


class _Queue(_Blocks):
    """Both sides wait inside the queue."""

    def __init__(self, block: int) -> None:
        self._queue: queue.Queue[Samples] = queue.Queue(CAPACITY // block)
        super().__init__(partial(self._queue.get, timeout=PATIENCE))

    def write(self, block: Samples) -> int:
        self._queue.put(block.copy(), timeout=PATIENCE)
        return len(block)


class _BlockDeque(_Blocks):
    def __init__(self, block: int) -> None:
        self._blocks: deque[Samples] = deque()
        self._most = CAPACITY // block
        super().__init__(lambda: self._blocks.popleft() if self._blocks else None)

    def write(self, block: Samples) -> int:
        if len(self._blocks) >= self._most:
            return 0
        self._blocks.append(block.copy())
        return len(block)


class _SampleDeque:
    def __init__(self) -> None:
        self._samples: deque[float] = deque()

    def write(self, block: Samples) -> int:
        part = block[: CAPACITY - len(self._samples)]
        self._samples.extend(part.tolist())
        return len(part)

    def read(self, most: int) -> tuple[int, Samples]:
        count = min(most, len(self._samples))
        return 0, np.array([self._samples.popleft() for _ in range(count)], np.float32)


class _Rolled:
    """Needs a lock, because the array is replaced by each block."""

    def __init__(self) -> None:
        self._buffer = np.zeros(CAPACITY, np.float32)
        self._waiting = 0
        self._lock = threading.Lock()

    def write(self, block: Samples) -> int:
        with self._lock:
            part = block[: CAPACITY - self._waiting]
            if len(part):
                self._buffer = np.roll(self._buffer, -len(part))
                self._buffer[-len(part) :] = part
                self._waiting += len(part)
            return len(part)

    def read(self, most: int) -> tuple[int, Samples]:
        with self._lock:
            first = CAPACITY - self._waiting
            got = self._buffer[first : first + most].copy()
            self._waiting -= len(got)
        return 0, got


CHANNELS: dict[str, Callable[[int], Channel]] = {
    "Ring": lambda block: _Ring(),
    "LiveRing": lambda block: _LiveRing(),
    "queue.Queue of blocks": _Queue,
    "deque of blocks": _BlockDeque,
    "deque of samples": lambda block: _SampleDeque(),
    "numpy.roll": lambda block: _Rolled(),
}
"""Constructors by name; the argument is the block size."""
