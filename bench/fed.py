"""Feeds a stream with one hop of music at a time and measures the latency of each step.

`python -m bench.fed MODEL HOP` does this in a new process, with 16 kHz float32 samples from
standard input. It prints JSON: seconds to load the model, and of each step.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # a new process loads it while the clock runs
    from streamgenre.model.model import Model

_RATE = 16_000


class Fed:
    """Feeds a new stream of a model with the same music, repeatedly.

    Args:
        model: the model of the stream.
        hop: seconds.
        samples: 16 kHz mono, at least one hop.
    """

    def __init__(self, model: Model, hop: float, samples: NDArray[np.float32]) -> None:
        size = round(hop * _RATE)
        # Copy, because the stream would copy a read-only array itself.
        whole = samples[: len(samples) // size * size].copy()
        self._blocks = np.split(whole, len(whole) // size)
        self._stream = model.stream(hop)
        self._hop, self._next = hop, 0

    def step(self) -> float:
        """Seconds of one call that returns one update."""
        block = self._blocks[self._next % len(self._blocks)]
        self._next += 1
        began = time.perf_counter()
        updates = self._stream.feed(block, _RATE)
        seconds = time.perf_counter() - began
        assert len(updates) == 1
        return seconds

    def back_to_back(self, count: int) -> list[float]:
        """Seconds of `count` consecutive steps."""
        return [self.step() for _ in range(count)]

    def paced(self, count: int) -> list[float]:
        """Seconds of `count` steps that start at intervals of one hop."""
        seconds = []
        due = time.perf_counter()
        for _ in range(count):
            due += self._hop
            time.sleep(max(0.0, due - time.perf_counter()))
            seconds.append(self.step())
        return seconds


def fresh(variant: str, hop: float, samples: NDArray[np.float32]) -> tuple[float, list[float]]:
    """Seconds to import and load, and of each step, in a new process."""
    began = time.perf_counter()
    from streamgenre.model.model import load

    model = load(variant)
    loaded = time.perf_counter() - began
    fed = Fed(model, hop, samples)
    return loaded, fed.back_to_back(len(samples) // round(hop * _RATE))


if __name__ == "__main__":
    heard = np.frombuffer(sys.stdin.buffer.read(), np.float32)
    json.dump(fresh(sys.argv[1], float(sys.argv[2]), heard), sys.stdout, allow_nan=False)
