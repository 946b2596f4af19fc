"""A pool of worker processes on this machine.

If a worker crashes, each of its files is retried alone in a worker. If that worker crashes too, the
crash is reported as the error of the file.
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

FILES_AT_WORKER = 2 * BATCH  # the open files, and as many in the worker's queue
_STALLED = 600.0  # s without a message from a worker with files; then it is killed
_LIFETIME = 10_000  # files; then the worker is replaced, because C libraries may leak memory
TICK = 1.0
"""Seconds between two checks of the workers."""

NextFile = Callable[[], LibraryFile | None]
"""Returns the next file to classify, or None if there is none at the moment."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A classified file and its row."""

    file: LibraryFile
    row: Row


class Pool(Protocol):
    """Classifies files in other processes, which report to a queue of events."""

    @property
    def busy(self) -> bool:
        """Whether files in the pool have no row yet."""
        ...

    def fill(self, next_file: NextFile, listed: bool) -> None:
        """Fetch files while there is capacity. `listed`: whether the listing is complete."""
        ...

    def handle(self, event: Any) -> Iterator[Finished | AudioRead]:
        """Process an event of the queue. Raises StreamgenreError if the pool cannot continue."""
        ...

    def check(self) -> None:
        """Check for stalled workers. Call it about every TICK seconds."""
        ...

    def close(self) -> None:
        """End all processes immediately."""
        ...


class ProcessPool:
    """A pool of processes on this machine.

    Args:
        settings: settings of each worker.
        jobs: number of workers.
        model: value of the column `model`.
        events: queue for the messages of the workers; None creates one.
    """

    def __init__(
        self, settings: Settings, jobs: int, model: str, events: queue.Queue[Any] | None = None
    ) -> None:
        self._settings, self._jobs, self._model = settings, jobs, model
        self._events: queue.Queue[Any] = queue.Queue() if events is None else events
        self._workers: list[WorkerProcess] = []
        self._suspects: deque[LibraryFile] = deque()  # files of crashed workers, to retry alone
        self._next: LibraryFile | None = None  # fetched, but not assigned yet
        self._checked = time.monotonic()

    def classify(self, files: Iterable[LibraryFile]) -> Iterator[Finished | AudioRead]:
        """Classify files and yield their results. The workers are kept for the next call."""
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
            yield from self.handle(event)

    @property
    def busy(self) -> bool:
        """Whether files in the pool have no row yet."""
        at_workers = any(worker.files for worker in self._workers)
        return bool(at_workers or self._suspects or self._next)

    def fill(self, next_file: NextFile, listed: bool) -> None:
        """Assign files to workers while there is capacity, distributed evenly."""
        for old in [one for one in self._workers if one.assigned >= _LIFETIME and not one.files]:
            self._workers.remove(old)
            old.close()
        while self._suspects and (worker := self._idle()) is not None:
            worker.alone = True
            worker.assign(self._suspects.popleft())
        while True:
            self._next = self._next or next_file()
            if self._next is None or (worker := self._least_busy()) is None:
                return
            worker.assign(self._next)
            self._next = None

    def handle(self, event: Any) -> Iterator[Finished | AudioRead]:
        """Process a message of a worker."""
        if isinstance(event, Message):
            if event.content is None:
                if event.worker in self._workers:
                    yield from self._lost(event.worker)
            else:
                yield from self._message(event.worker, event.content)

    def check(self) -> None:
        """Kill workers that make no progress."""
        now = time.monotonic()
        # If this process was suspended (laptop lid, SIGSTOP), the workers probably were, too.
        slept = now - self._checked > 10 * TICK
        self._checked = now
        for worker in self._workers:
            if slept:
                worker.last = now
            elif worker.ready and worker.files and now - worker.last > _STALLED:
                worker.kill(f"no progress in {_STALLED:g} s")

    def close(self) -> None:
        """Kill all workers and wait for them."""
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
        """Handle the end of a worker: retry its files one by one."""
        self._workers.remove(worker)
        cause = worker.cause()  # waits for the process
        worker.close()
        if not worker.ready:
            raise StreamgenreError(f"a worker failed to start ({cause}); run streamgenre doctor")
        for file in worker.files.values():
            if worker.alone:
                error = f"crashed the process that read it ({cause}); the file may be damaged"
                yield Finished(file, Row.failed(file, error, self._model))
            else:
                self._suspects.append(file)

    def _idle(self) -> WorkerProcess | None:
        """Return a worker without files, or start one if there are fewer than `jobs`."""
        for worker in self._workers:
            if not worker.files and worker.assigned < _LIFETIME:
                return worker
        return self._start() if len(self._workers) < self._jobs else None

    def _least_busy(self) -> WorkerProcess | None:
        """Return the worker with the fewest files; None if all are full."""
        if (worker := self._idle()) is not None:
            return worker
        free = [
            one
            for one in self._workers
            if not one.alone and len(one.files) < FILES_AT_WORKER and one.assigned < _LIFETIME
        ]
        return min(free, key=lambda one: len(one.files), default=None)

    def _start(self) -> WorkerProcess:
        worker = WorkerProcess(self._settings, self._events)
        self._workers.append(worker)
        return worker
