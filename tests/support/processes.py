"""Start programs that receive signals."""

from __future__ import annotations

import signal


def default_signals():
    """A preexec_fn: reset Ctrl-C and hang-up, which the parent of the tests may ignore."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
