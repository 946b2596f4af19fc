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
received: int | None = None
"""The signal that ends the command; None if there was none."""
_AGAIN = 0.02  # s until a signal is delivered again, when the callback has returned
_ENDING = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]  # Windows has no SIGHUP


def install() -> None:
    """Make SIGTERM and SIGHUP clean up as Ctrl-C does, without waiting for C libraries."""
    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # ignored by nohup, for example
            signal.signal(number, _interrupt)
    sys.unraisablehook = _lost_exception
    if os.name == "nt":  # not supported there: waits end with their time-out
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reading,), daemon=True).start()


def ignore() -> None:
    """Ignore signals from now on, since the command has ended."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)


def _interrupt(number: int, _: object) -> None:
    global received
    if received is not None and os.name != "nt":  # without a thread, a clean-up may take forever
        return
    received = number
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)


def _lost_exception(lost: sys.UnraisableHookArgs) -> None:
    """Deliver a signal again if its exception was raised where it cannot pass, as in a callback.

    Python would print and drop it. The compiler of Numba has such callbacks.
    """
    global received
    if received is None or lost.exc_type not in (KeyboardInterrupt, SystemExit):
        sys.__unraisablehook__(lost)
        return
    number, received = received, None
    again = threading.Timer(_AGAIN, _send, (number,))
    again.daemon = True
    again.start()


def _send(number: int) -> None:
    if sys.platform == "win32":
        signal.raise_signal(number)
    else:  # to the main thread, to end its system calls
        signal.pthread_kill(threading.main_thread().ident or 0, number)


def _watch(reading: int) -> None:
    while number := os.read(reading, 1)[0]:
        if number in _ENDING:
            time.sleep(patience)
            for call in before_abrupt_end:
                with contextlib.suppress(Exception):
                    call()
            for path in list(files.unfinished):  # the other threads still run
                with contextlib.suppress(OSError):
                    path.unlink()
            os._exit(128 + number)
