"""Wait for another thread or process."""

from __future__ import annotations

import threading
import time


def wait_for(condition, seconds=600.0):
    """Wait until the condition holds; fail if it does not within that time, even under load."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "nothing happened"
        time.sleep(0.002)


def threads(name):
    """The running threads whose name contains `name`."""
    return [thread for thread in threading.enumerate() if name in thread.name]
