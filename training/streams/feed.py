"""Batches for a range of updates: the hops alternate, each with its own endless lanes.

The batch of an update depends on the seed and the number of the update only, so a resumed run gets
the same batches. A thread prefetches one batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from streamgenre.networks.step import TrainableNetwork

from ..config import Sequences
from .sequences import Batch, Clip, Lanes


@dataclass(frozen=True)
class Feed:
    """Source of batches; `part` is (index, number) of this process."""

    music: Sequence[Clip]
    other: Sequence[Clip]
    settings: Sequences
    seed: int
    part: tuple[int, int] = (0, 1)

    def steps(self, update: int) -> int:
        """Number of steps of truncated back-propagation for an update."""
        low, high = self.settings.steps
        return int(np.random.default_rng((self.seed, update)).integers(low, high + 1))

    def batches(
        self, network: TrainableNetwork, first: int, last: int
    ) -> Iterator[tuple[int, Batch]]:
        """Yield (hop in samples, batch) for the updates first, ..., last - 1."""
        hops = self.settings.hop_samples
        lanes = [
            Lanes(
                self.music,
                self.other,
                self.settings,
                seed=(self.seed, hop),
                hop=hop,
                window=network.window_for(hop),
                tick=network.tick_for(hop),
                part=self.part,
            )
            for hop in hops
        ]
        for update in range(first):
            lanes[update % len(hops)].skip(self.steps(update))

        def read(update: int) -> tuple[int, Batch]:
            turn = update % len(hops)
            return hops[turn], lanes[turn].read(self.steps(update))

        with ThreadPoolExecutor(1) as reader:
            pending = reader.submit(read, first) if first < last else None
            for update in range(first + 1, last + 1):
                assert pending is not None
                ready = pending.result()
                pending = reader.submit(read, update) if update < last else None
                yield ready
