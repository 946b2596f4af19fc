"""Many streams stepped together: a batch costs less than its steps one by one.

A step's overhead is paid once for all, and weights are read once. A batch waits until it is full or
its oldest member has waited long enough.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from ..update import Update
from .card import Hop
from .engine import Engine, Step
from .stream import Stream

Collected = list[tuple["PooledStream", Update]]


@dataclass(slots=True)
class _Waiting:
    """A hop that a stream has heard, to be stepped."""

    stream: PooledStream
    level: float
    since: float  # s on the pool's clock


class StreamPool:
    """Streams of one model and hop. Not for use by two threads at once; pools share a model.

    Args:
        engine: of the model.
        hop: seconds and samples between a stream's updates.
        batch: streams that are stepped together at most.
        patience: s that a heard hop may wait for others to join it.
        clock: s, rising.
    """

    def __init__(
        self,
        engine: Engine,
        hop: Hop,
        batch: int = 16,
        patience: float = 0.1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if batch < 1 or not patience >= 0:
            raise ValueError(f"a batch of 1 at least and a patience >= 0, not {batch}, {patience}")
        self.engine, self.hop = engine, hop
        self._batch, self._patience, self._clock = batch, patience, clock
        self._waiting: deque[_Waiting] = deque()
        self._done: Collected = []
        self._heard: NDArray[np.float32] | None = None
        self._states = np.zeros((batch, engine.card.state_size), np.float32)

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a pool cannot be pickled or copied: pass the model, and open a pool there with "
            "model.pool()"
        )

    def stream(self) -> PooledStream:
        """A new stream. Nothing of it stays here once it has no hop waiting."""
        return PooledStream(self)

    @property
    def waiting(self) -> int:
        """Heard hops that wait."""
        return len(self._waiting)

    @property
    def due(self) -> float | None:
        """Seconds until `collect` will step something: 0 for now, None while nothing waits."""
        if not self._waiting:
            return None
        if len(self._waiting) >= self._batch:
            return 0.0
        return max(0.0, self._waiting[0].since + self._patience - self._clock())

    def collect(self, everything: bool = False) -> Collected:
        """Step what is due, or `everything` that waits; gives all updates since the last call.

        Those of one stream come in order.
        """
        while self._waiting and (everything or self.due == 0.0):
            self.run()
        done, self._done = self._done, []
        return done

    def run(self) -> None:
        """Step those that waited longest, one batch of them, now."""
        group = [self._waiting.popleft() for _ in range(min(self._batch, len(self._waiting)))]
        if not group:
            return
        if self._heard is None:
            row = group[0].stream.heard
            self._heard = np.zeros((self._batch, *row.shape[1:]), row.dtype)
        for i, waiting in enumerate(group):
            self._heard[i], self._states[i] = waiting.stream.heard[0], waiting.stream.state[0]
        steps = self.engine.run(self._heard[: len(group)], self._states[: len(group)])
        for i, waiting in enumerate(group):
            step = Step(*(None if part is None else part[i : i + 1] for part in steps))  # type: ignore[arg-type]
            self._done.append((waiting.stream, waiting.stream.conclude(step, waiting.level)))

    def take_up(self, stream: PooledStream, level: float) -> None:
        """Take up a stream that has heard a hop; called by the stream."""
        self._waiting.append(_Waiting(stream, level, self._clock()))

    def keep(self, stream: PooledStream, updates: list[Update]) -> None:
        """Keep updates that a stream made by itself for the next `collect`."""
        self._done += [(stream, update) for update in updates]


class PooledStream(Stream):
    """A stream whose steps its pool runs: `feed`, `flush` and `gap` give no updates.

    They come out of StreamPool.collect. One hop beyond the one that waits is held; who feeds more
    than that at once has the pool step it in between.
    """

    def __init__(self, pool: StreamPool) -> None:
        self._pool, self._waits = pool, False
        super().__init__(pool.engine, pool.hop, many=True)

    @property
    def heard(self) -> NDArray[np.float32]:
        """(1, ...) what the engine is to run on."""
        return self._front.heard

    @property
    def state(self) -> NDArray[np.float32]:
        """(1, S) the memory that it is to run with."""
        return self._state

    @property
    def waits(self) -> bool:
        """Whether a hop of it waits to be stepped."""
        return self._waits

    def feed(self, samples: NDArray[np.generic], sample_rate: float) -> list[Update]:
        """As Stream.feed; gives nothing."""
        self._pool.keep(self, super().feed(samples, sample_rate))
        return []

    def flush(self) -> list[Update]:
        """As Stream.flush, stepped at once; gives nothing."""
        self._pool.keep(self, super().flush())
        return []

    def gap(self, seconds: float) -> list[Update]:
        """As Stream.gap, stepped at once; gives nothing."""
        self._pool.keep(self, super().gap(seconds))
        return []

    def reset(self) -> None:
        """As Stream.reset; a hop that waits is stepped first."""
        self._settle()
        super().reset()

    def reset_state(self) -> None:
        """As Stream.reset_state; a hop that waits is stepped first."""
        self._settle()
        super().reset_state()

    def conclude(self, step: Step, level: float) -> Update:
        """The update of the step that the pool ran for it."""
        self._waits = False
        update = self._conclude(step, self._hop.samples, level)
        self._hear_next()
        return update

    def _take(self, mono: NDArray[np.float32], updates: list[Update]) -> None:
        position = 0
        while position < len(mono):
            position += (written := self._ring.write(mono[position:]))
            self._hear_next()
            if not written:
                self._pool.run()

    def _hear_next(self) -> None:
        if not self._waits and len(self._ring) >= self._hop.samples:
            self._waits = True
            self._pool.take_up(self, self._hear())

    def _settle(self) -> None:
        while self._waits:
            self._pool.run()
