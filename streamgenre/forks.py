"""Objects with threads in forked processes.

A forked process has only the thread that called `fork`, so the others never deliver anything in it.
"""

from __future__ import annotations

import os

from .errors import StreamgenreError


class Owner:
    """The process that created an object with threads. `what`: the object, for the message."""

    def __init__(self, what: str) -> None:
        self._what, self._process = what, os.getpid()

    @property
    def here(self) -> bool:
        """Whether this is the process."""
        return os.getpid() == self._process

    def check(self) -> None:
        """Raise StreamgenreError in another process."""
        if not self.here:
            raise StreamgenreError(
                f"{self._what} belongs to the process that created it; create it after the fork"
            )
