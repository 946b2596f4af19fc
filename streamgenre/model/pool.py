"""Run the steps of many streams in batches, which is cheaper than one at a time.

A batch pays the overhead of a step once and reads the weights once. It runs when it is full, or
when its oldest step has waited long enough.
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
    """A step that is ready to run."""

    stream: PooledStream
    level: float
    since: float  # s on the pool's clock


class StreamPool:
    """Streams of one model and hop, whose steps run in batches; see `Model.pool`.

    A pool is not thread-safe. Use one per thread; pools can share a model.

    Args:
        engine: engine of the model.
        hop: interval between the updates of a stream.
        batch: maximum number of streams in one batch.
        patience: seconds that a step waits for others to join its batch.
        clock: monotonic clock in seconds.
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
            raise ValueError(
                f"batch must be at least 1 and patience at least 0, not {batch} and {patience}"
            )
        self.engine, self.hop = engine, hop
        self._batch, self._patience, self._clock = batch, patience, clock
        self._waiting: deque[_Waiting] = deque()
        self._done: Collected = []
        self._inputs: NDArray[np.float32] | None = None
        self._states = np.zeros((batch, engine.card.state_size), np.float32)

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a pool cannot be pickled or copied: pass the model, and open a pool there with "
            "model.pool()"
        )

    def stream(self) -> PooledStream:
        """A new stream. The pool keeps no reference to a stream without a waiting step."""
        return PooledStream(self)

    @property
    def waiting(self) -> int:
        """Number of waiting steps."""
        return len(self._waiting)

    @property
    def due(self) -> float | None:
        """Seconds until a batch is due: 0 if `collect` would run one now, None if none waits."""
        if not self._waiting:
            return None
        if len(self._waiting) >= self._batch:
            return 0.0
        return max(0.0, self._waiting[0].since + self._patience - self._clock())

    def collect(self, everything: bool = False) -> Collected:
        """Run the batches that are due; returns all updates since the last call.

        The updates of one stream are in order. `everything`: run all waiting steps.
        """
        while self._waiting and (everything or self.due == 0.0):
            self.run()
        done, self._done = self._done, []
        return done

    def run(self) -> None:
        """Run one batch of the steps that have waited longest."""
        group = [self._waiting.popleft() for _ in range(min(self._batch, len(self._waiting)))]
        if not group:
            return
        if self._inputs is None:
            row = group[0].stream.inputs
            self._inputs = np.zeros((self._batch, *row.shape[1:]), row.dtype)
        for i, waiting in enumerate(group):
            self._inputs[i], self._states[i] = waiting.stream.inputs[0], waiting.stream.state[0]
        steps = self.engine.run(self._inputs[: len(group)], self._states[: len(group)])
        for i, waiting in enumerate(group):
            step = Step(*(None if part is None else part[i : i + 1] for part in steps))  # type: ignore[arg-type]
            self._done.append((waiting.stream, waiting.stream.conclude(step, waiting.level)))

    def enqueue(self, stream: PooledStream, level: float) -> None:
        """Add the next step of a stream to the queue; called by the stream."""
        self._waiting.append(_Waiting(stream, level, self._clock()))

    def keep(self, stream: PooledStream, updates: list[Update]) -> None:
        """Store updates that a stream made outside a batch for the next `collect`."""
        self._done += [(stream, update) for update in updates]


class PooledStream(Stream):
    """A stream whose steps run in the pool. `StreamPool.collect` returns its updates.

    The stream buffers one hop besides the waiting one. If `feed` gets more than that, the pool runs
    batches in between.
    """

    def __init__(self, pool: StreamPool) -> None:
        self._pool, self._waits = pool, False
        super().__init__(pool.engine, pool.hop, compiled=True)

    @property
    def inputs(self) -> NDArray[np.float32]:
        """Inputs of the waiting step, (1, ...)."""
        return self._front.inputs

    @property
    def state(self) -> NDArray[np.float32]:
        """State of the waiting step, (1, S)."""
        return self._state

    @property
    def waits(self) -> bool:
        """Whether a step of this stream is waiting."""
        return self._waits

    def feed(self, samples: NDArray[np.generic], sample_rate: float) -> list[Update]:
        """As Stream.feed; returns no updates."""
        self._pool.keep(self, super().feed(samples, sample_rate))
        return []

    def flush(self) -> list[Update]:
        """As Stream.flush; runs the step immediately and returns no updates."""
        self._pool.keep(self, super().flush())
        return []

    def gap(self, seconds: float) -> list[Update]:
        """As Stream.gap; runs the step immediately and returns no updates."""
        self._pool.keep(self, super().gap(seconds))
        return []

    def reset(self) -> None:
        """As Stream.reset; a waiting step runs first."""
        self._settle()
        super().reset()

    def reset_state(self) -> None:
        """As Stream.reset_state; a waiting step runs first."""
        self._settle()
        super().reset_state()

    def conclude(self, step: Step, level: float) -> Update:
        """The update of a step that the pool has run."""
        self._waits = False
        update = self._conclude(step, self._hop.samples, level)
        self._enqueue_next()
        return update

    def _take(self, mono: NDArray[np.float32], updates: list[Update]) -> None:
        position = 0
        while position < len(mono):
            position += (written := self._ring.write(mono[position:]))
            self._enqueue_next()
            if not written:
                self._pool.run()

    def _enqueue_next(self) -> None:
        if not self._waits and len(self._ring) >= self._hop.samples:
            self._waits = True
            self._pool.enqueue(self, self._read_hop())

    def _settle(self) -> None:
        while self._waits:
            self._pool.run()
