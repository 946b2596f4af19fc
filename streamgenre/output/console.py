"""The console for all output to people."""

from __future__ import annotations

import os
from typing import TextIO

import rich.console


class Console(rich.console.Console):
    """A console without automatic highlighting; a closed pipe raises, as with print.

    COLUMNS and LINES give its size if they are positive numbers.
    """

    def __init__(self, file: TextIO | None = None, stderr: bool = False) -> None:
        sizes = ("COLUMNS", "LINES")
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in sizes or value.strip("0").isdigit()
        }
        super().__init__(file=file, stderr=stderr, highlight=False, _environ=environment)

    def on_broken_pipe(self) -> None:
        """Raise an error instead of exiting."""
        raise BrokenPipeError
