"""Start programs that receive signals."""

from __future__ import annotations

import os
import signal
import threading


def environment_of_a_terminal() -> dict[str, str]:
    """The environment without a size, which would be that of the terminal of the tests."""
    return {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}


def default_signals():
    """A preexec_fn: reset Ctrl-C and hang-up, which the parent of the tests may ignore."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)


def piped(data: bytes):
    """A file object of a real pipe that a thread fills."""
    reading, writing = os.pipe()

    def fill():
        with os.fdopen(writing, "wb") as out:
            out.write(data)

    threading.Thread(target=fill, daemon=True).start()
    return os.fdopen(reading, "rb")
