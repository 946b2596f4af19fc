"""The console for all output to people."""

from __future__ import annotations

from typing import TextIO

import rich.console


class Console(rich.console.Console):
    """A console without automatic highlighting; a closed pipe raises, as with print."""

    def __init__(self, file: TextIO | None = None) -> None:
        super().__init__(file=file, highlight=False)

    def on_broken_pipe(self) -> None:
        """Raise an error instead of exiting."""
        raise BrokenPipeError
