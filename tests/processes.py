"""Starting programs whose signals a test sends."""

from __future__ import annotations

import signal


def heeding():
    """Before a program starts: whoever runs the tests may have it ignore Ctrl-C, or hanging up."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
