"""Waiting for what another thread or process does."""

from __future__ import annotations

import threading
import time


def wait_for(condition, seconds=5.0):
    """Until the condition holds; fails where it does not within that time."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "nothing happened"
        time.sleep(0.002)


def threads(name):
    """Those that run now and have that in their names."""
    return [thread for thread in threading.enumerate() if name in thread.name]
