"""Batches for a span of updates: the hops take turns, each with its own endless lanes.

What an update sees follows from the seed and its number alone, so a run that goes on after a break
sees what it would have seen. A thread reads one batch ahead, so that training never waits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from streamgenre.networks.step import TrainableNetwork

from ..config import Sequences
from .sequences import Batch, Lanes, Piece


@dataclass(frozen=True)
class Feed:
    """Where batches come from; `part` is this process among how many."""

    music: Sequence[Piece]
    other: Sequence[Piece]
    settings: Sequences
    seed: int
    part: tuple[int, int] = (0, 1)

    def steps(self, update: int) -> int:
        """Length of the truncated back-propagation of an update."""
        low, high = self.settings.steps
        return int(np.random.default_rng((self.seed, update)).integers(low, high + 1))

    def batches(
        self, network: TrainableNetwork, first: int, last: int
    ) -> Iterator[tuple[int, Batch]]:
        """(hop in samples, batch) of the updates first, ..., last - 1."""
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
