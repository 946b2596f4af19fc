"""Ctrl-C and SIGTERM end the command at once, also while it waits inside a C library.

Python runs its signal handlers between its own instructions only; a radio that has gone silent
would hold them up until FFmpeg's time-out. So a thread is woken by the signal itself, gives the
handlers a moment, and then ends the process.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

patience = 1.0
"""Seconds that the handlers have; a command that closes devices takes more."""
hanging = False
"""Whether a thread waits inside a C library for good: the process is to end without it."""
_ENDING = [
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
]  # Windows has no SIGHUP

unfinished: set[Path] = set()
"""Half-written files, removed before the process is ended."""


def install() -> None:
    """From here on, SIGTERM and SIGHUP tidy up as Ctrl-C does; none waits for a C library."""
    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup, say
            signal.signal(number, lambda number, _: sys.exit(128 + number))
    if os.name == "nt":  # there the wake-up needs a socket; a wait ends with its time-out
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reading,), daemon=True).start()


def _watch(reading: int) -> None:
    while number := os.read(reading, 1)[0]:
        if number in (signal.SIGINT, *_ENDING):
            time.sleep(patience)
            for path in unfinished:
                path.unlink(missing_ok=True)
            os._exit(128 + number)
