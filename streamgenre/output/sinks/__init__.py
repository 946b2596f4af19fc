"""What takes the updates of a live input, one after another: a file, a command, a network."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from ...update import Update


class Sink(Protocol):
    """Called with each update in turn, from one thread only; may raise, may be slow."""

    name: str
    """As people know it: "osc 127.0.0.1:9000"."""

    def __call__(self, update: Update, at: datetime, source: str) -> None:
        """Take an update of the input of that name, which left the network then (local time)."""
        ...

    def close(self) -> None:
        """Finish what is begun; called once, from that same thread."""
        ...
