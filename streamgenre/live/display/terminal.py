"""Whether the terminal belongs to this process, and restoring it while it is stopped (Ctrl-Z)."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


def in_foreground(file: int) -> bool:
    """Whether this process may write to the terminal and change its modes now.

    It may not in the background, after `bg` or `&`.
    """
    if sys.platform == "win32":
        return True
    try:
        return os.tcgetpgrp(file) == os.getpgrp()
    except OSError:  # a terminal of another session, without job control
        return os.isatty(file)


@contextmanager
def before_stopping(leave: Callable[[], None]) -> Iterator[None]:
    """Call `leave` whenever Ctrl-Z is about to stop the process.

    There is no signal for the opposite: callers check `in_foreground` before each use. Blocks may
    be nested; the inner ones are left first.
    """
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTSTP)
    if before in (signal.SIG_IGN, None):  # ignored by the parent process
        yield
        return

    def stop(number: int, at: FrameType | None) -> None:
        leave()
        if callable(before):
            before(number, at)
            return
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)  # returns when the process is continued
        signal.signal(number, stop)

    signal.signal(signal.SIGTSTP, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, before)
