"""Run slow or unreliable sinks in their own thread, behind a bounded queue.

The producer never waits. If the queue is full, the oldest item is dropped.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Generic, TypeVar

from ...errors import reason
from ...update import Update
from . import Sink

Item = TypeVar("Item")

_FINISH_SECONDS = 0.5  # for the current item and for `finish`, once the queue is empty


class Worker(Generic[Item]):
    """Calls `work` with each item in turn, then `finish`, in one daemon thread.

    Args:
        name: part of the thread's name.
        work: processes one item; may raise and may be slow.
        finish: called once at the end.
        longest: capacity of the queue, as a sum of `weigh`; the newest item always fits.
        weigh: the weight of an item.
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
        """Total weight of the dropped items."""
        self.problem = ""
        """Why the last item failed, on one line; empty if it succeeded."""
        self.broken = False
        """Whether the reader has closed the output (BrokenPipeError). The thread has ended then."""
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
        """Process the queue for at most `timeout` seconds, then finish. Returns True on success."""
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
            except BaseException as error:  # even SystemExit must not end the thread
                self.problem = reason(error)
        try:
            self._finish()
        except Exception as error:
            self.problem = self.problem if self.broken else reason(error)


class BackgroundSink(Worker[tuple[Update, datetime, str]]):
    """A Worker that passes its items (update, local time, name of the input) to a sink."""

    def __init__(self, sink: Sink, longest: int = 256) -> None:
        self.name = sink.name
        super().__init__(sink.name, lambda item: sink(*item), sink.close, longest)
