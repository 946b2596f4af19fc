"""Type of the callback for the progress of long operations."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with the name of the task, the number of units done, and the total number of units."""


def no_progress(task: str, done: int, total: int) -> None:
    """Ignore the progress: the default for optional callbacks."""
