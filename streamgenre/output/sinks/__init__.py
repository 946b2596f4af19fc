"""Outputs that take the updates of a live input: files, commands, network protocols.

To add one, write a class with the interface of `Sink` and name it in `cli/outputs.py`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from ...update import Update


class Sink(Protocol):
    """An output of updates. It is called from a single thread, may raise, and may be slow."""

    name: str
    """The name for display, such as "osc 127.0.0.1:9000"."""

    def __call__(self, update: Update, at: datetime, source: str) -> None:
        """Take an update of the input named `source`, computed at local time `at`."""
        ...

    def close(self) -> None:
        """Finish pending work. Called once, from the same thread."""
        ...
