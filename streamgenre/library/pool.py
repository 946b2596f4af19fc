"""A pool of worker processes on this machine, and the files that they have.

If a worker crashes, each of its files is retried alone. If the worker crashes again, this is the
error of that file.
"""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from .. import errors
from ..errors import StreamgenreError
from .process import Message, WorkerProcess
from .reading import BATCH, AudioRead
from .row import LibraryFile, Row
from .worker import Settings

FILES_AT_WORKER = 2 * BATCH  # files: those that are open, and as many that are next
_STALLED = 600.0  # s without a word from a worker that has started and has files
_LIFETIME = 10_000  # files that a worker takes; then a new one follows: C libraries may leak
TICK = 1.0
"""Seconds between looks at the clock."""

Waiting = Callable[[], LibraryFile | None]
"""Gives the next file to classify, each once; None: there is none now."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The row of a file."""

    file: LibraryFile
    row: Row


class Pool(Protocol):
    """Classifies files somewhere. What happens there is put into a queue of events."""

    @property
    def busy(self) -> bool:
        """Whether files that it took have no row yet."""
        ...

    def fill(self, waiting: Waiting, listed: bool) -> None:
        """Take files while there is room; `listed`: no more will be found."""
        ...

    def take(self, event: Any) -> Iterator[Finished | AudioRead]:
        """What an event of this pool says. Raises StreamgenreError if the pool cannot work."""
        ...

    def check(self) -> None:
        """Look after what gives no event; to be called about every TICK."""
        ...

    def close(self) -> None:
        """End everything at once."""
        ...


class ProcessPool:
    """Processes on this machine.

    Args:
        settings: of each worker.
        jobs: number of workers.
        model: what rows say of the model.
        events: where workers' messages go.
    """

    def __init__(
        self, settings: Settings, jobs: int, model: str, events: queue.Queue[Any] | None = None
    ) -> None:
        self._settings, self._jobs, self._model = settings, jobs, model
        self._events: queue.Queue[Any] = queue.Queue() if events is None else events
        self._workers: list[WorkerProcess] = []
        self._suspects: deque[LibraryFile] = deque()  # each to be the only one of a worker
        self._next: LibraryFile | None = None  # waits for a worker with room
        self._checked = time.monotonic()

    def classify(self, files: Iterable[LibraryFile]) -> Iterator[Finished | AudioRead]:
        """Classify these files. The workers stay, for the next call."""
        left = iter(files)
        while True:
            self.fill(lambda: next(left, None), listed=True)
            if not self.busy:
                return
            try:
                event = self._events.get(timeout=TICK)
            except queue.Empty:
                event = None
            self.check()
            yield from self.take(event)

    @property
    def busy(self) -> bool:
        """Whether files that it took have no row yet."""
        at_workers = any(worker.files for worker in self._workers)
        return bool(at_workers or self._suspects or self._next)

    def fill(self, waiting: Waiting, listed: bool) -> None:
        """Give workers what they have room for, as evenly as it goes."""
        for old in [one for one in self._workers if one.given >= _LIFETIME and not one.files]:
            self._workers.remove(old)
            old.close()
        while self._suspects and (worker := self._idle()) is not None:
            worker.alone = True
            worker.give(self._suspects.popleft())
        while True:
            self._next = self._next or waiting()
            if self._next is None or (worker := self._with_room()) is None:
                return
            worker.give(self._next)
            self._next = None

    def take(self, event: Any) -> Iterator[Finished | AudioRead]:
        """What a worker's message says."""
        if isinstance(event, Message):
            if event.content is None:
                if event.worker in self._workers:
                    yield from self._lost(event.worker)
            else:
                yield from self._message(event.worker, event.content)

    def check(self) -> None:
        """End workers that hang. If this process did not run for a while, neither did they."""
        now = time.monotonic()
        slept = now - self._checked > 10 * TICK
        self._checked = now
        for worker in self._workers:
            if slept:
                worker.last = now
            elif worker.ready and worker.files and now - worker.last > _STALLED:
                worker.kill(f"no progress in {_STALLED:g} s")

    def close(self) -> None:
        """End all workers, and wait for that."""
        for worker in self._workers:
            worker.close()

    def _message(
        self, worker: WorkerProcess, content: dict[str, Any]
    ) -> Iterator[Finished | AudioRead]:
        worker.last = time.monotonic()
        if "failed" in content:
            kind = getattr(errors, content["kind"] or "StreamgenreError")
            raise kind(content["failed"])
        if "ready" in content:
            worker.ready = True
        if "seconds" in content:
            yield AudioRead(content["seconds"])
        if "row" in content:
            file = worker.files.pop(content["file"]["path"])
            worker.alone = False
            yield Finished(file, Row.of(content["row"]))

    def _lost(self, worker: WorkerProcess) -> Iterator[Finished]:
        """A worker has ended: its files are tried once more, one by one."""
        self._workers.remove(worker)
        cause = worker.cause()  # waits for its end
        worker.close()
        if not worker.ready:
            raise StreamgenreError(
                f"a worker ended during its start ({cause}); run streamgenre doctor"
            )
        for file in worker.files.values():
            if worker.alone:
                error = f"ended the process that read it ({cause}); the file may be damaged"
                yield Finished(file, Row.failed(file, error, self._model))
            else:
                self._suspects.append(file)

    def _idle(self) -> WorkerProcess | None:
        """A worker without files, if need be a new one."""
        for worker in self._workers:
            if not worker.files and worker.given < _LIFETIME:
                return worker
        return self._start() if len(self._workers) < self._jobs else None

    def _with_room(self) -> WorkerProcess | None:
        """The worker with the fewest files."""
        if (worker := self._idle()) is not None:
            return worker
        free = [
            one
            for one in self._workers
            if not one.alone and len(one.files) < FILES_AT_WORKER and one.given < _LIFETIME
        ]
        return min(free, key=lambda one: len(one.files), default=None)

    def _start(self) -> WorkerProcess:
        worker = WorkerProcess(self._settings, self._events)
        self._workers.append(worker)
        return worker
