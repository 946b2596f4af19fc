"""End the command on Ctrl-C or SIGTERM immediately, even while it waits inside a C library.

Python runs signal handlers only between its own instructions, so a stalled radio stream would delay
them until FFmpeg's time-out. Therefore, a signal also wakes a thread, which waits a moment for the
handlers and then ends the process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

from .. import files

patience = 1.0
"""Seconds to wait for the handlers. A command that closes devices needs more."""
before_abrupt_end: list[Callable[[], None]] = []
"""Called from another thread before the process ends if the handlers did not run."""
hanging = False
"""Whether a thread hangs inside a C library: the process must exit without waiting for it."""
_ENDING = [
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
]  # Windows has no SIGHUP


def install() -> None:
    """Make SIGTERM and SIGHUP clean up as Ctrl-C does, without waiting for C libraries."""
    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # ignored by nohup, for example
            signal.signal(number, lambda number, _: sys.exit(128 + number))
    if os.name == "nt":  # not supported there: waits end with their time-out
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reading,), daemon=True).start()


def _watch(reading: int) -> None:
    while number := os.read(reading, 1)[0]:
        if number in (signal.SIGINT, *_ENDING):
            time.sleep(patience)
            for call in before_abrupt_end:
                with contextlib.suppress(Exception):
                    call()
            for path in files.unfinished:
                path.unlink(missing_ok=True)
            os._exit(128 + number)
