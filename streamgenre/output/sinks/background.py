"""What may be slow or fail works in a thread of its own, behind a queue that has an end.

Whoever feeds it never waits for it: when the queue is full, the oldest that waits goes.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Generic, TypeVar

from ...errors import one_line
from ...update import Update
from . import Sink

Item = TypeVar("Item")

_FINISH_SECONDS = 0.5  # for what is in the works and for `finish`, once nothing waits any more


def reason(error: BaseException) -> str:
    """Why, on one line; of an OSError the words alone.

    >>> reason(FileNotFoundError(2, "No such file or directory", "x"))
    'No such file or directory'
    """
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return one_line(words or type(error).__name__)


class Worker(Generic[Item]):
    """Does `work` with one item after another, then `finish`, in one daemon thread.

    Args: `longest`: how much may wait, by the sum of `weigh`; the newest item always may.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[Item], None],
        finish: Callable[[], None],
        longest: int,
        weigh: Callable[[Item], int] = lambda item: 1,
    ) -> None:
        self.longest = longest
        self.dropped = 0
        """Weight of all that went without being worked on."""
        self.problem = ""
        """Why the last item failed, on one line; empty while all is well."""
        self.broken = False
        """Nobody takes the output any more (BrokenPipeError); the thread has ended."""
        self._work, self._finish, self._weigh = work, finish, weigh
        self._waiting: deque[Item] = deque()
        self._weight = 0
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"streamgenre {name}", daemon=True)
        self._thread.start()

    def put(self, item: Item) -> None:
        """Queue an item; never waits and never raises."""
        with self._changed:
            if self._closing or self.broken:
                return
            self._waiting.append(item)
            self._weight += self._weigh(item)
            while self._weight > self.longest and len(self._waiting) > 1:
                self._drop_oldest()
            self._changed.notify()

    def close(self, timeout: float = 2.0) -> bool:
        """Let what waits be worked on for that long (s), then finish; True if the thread ended."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout)
        with self._changed:
            while self._waiting:
                self._drop_oldest()
        self._thread.join(_FINISH_SECONDS)
        return not self._thread.is_alive()

    def _drop_oldest(self) -> None:
        weight = self._weigh(self._waiting.popleft())
        self._weight -= weight
        self.dropped += weight

    def _run(self) -> None:
        while not self.broken:
            with self._changed:
                while not self._waiting and not self._closing:
                    self._changed.wait()
                if not self._waiting:
                    break
                item = self._waiting.popleft()
                self._weight -= self._weigh(item)
            try:
                self._work(item)
                self.problem = ""
            except BrokenPipeError:
                self.broken = True
            except BaseException as error:  # SystemExit, too: the thread is not to end of it
                self.problem = reason(error)
        try:
            self._finish()
        except Exception as error:
            self.problem = self.problem if self.broken else reason(error)


class Aside:
    """One sink in a thread of its own; a slow or dead one stalls nobody. See Worker."""

    def __init__(self, sink: Sink, longest: int = 256) -> None:
        self.name = sink.name
        self._worker: Worker[tuple[Update, datetime, str]] = Worker(
            sink.name, lambda item: sink(*item), sink.close, longest
        )

    def put(self, update: Update, at: datetime, source: str) -> None:
        """Hand over an update; never waits and never raises. See Sink."""
        self._worker.put((update, at, source))

    def close(self, timeout: float = 2.0) -> bool:
        """Let what waits be written for that long (s), then close; True if the thread ended."""
        return self._worker.close(timeout)

    @property
    def dropped(self) -> int:
        """How many updates the sink was too slow for."""
        return self._worker.dropped

    @property
    def problem(self) -> str:
        """Why the sink refused the last update, on one line; empty while all is well."""
        return self._worker.problem

    @property
    def broken(self) -> bool:
        """The sink's reader has gone (BrokenPipeError); it is not called again."""
        return self._worker.broken
