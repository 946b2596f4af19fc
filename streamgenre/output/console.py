"""The console that everything for people is printed through."""

from __future__ import annotations

from typing import TextIO

import rich.console


class Console(rich.console.Console):
    """Marks nothing up by itself; a closed pipe is the caller's to handle, as with print."""

    def __init__(self, file: TextIO | None = None) -> None:
        super().__init__(file=file, highlight=False)

    def on_broken_pipe(self) -> None:
        """Raise rather than end the process with an error."""
        raise BrokenPipeError
