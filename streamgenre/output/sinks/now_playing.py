"""What is playing as one line in a file, for streaming software that shows a text file."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from ...errors import StreamgenreError
from ...files import whole
from ...model.card import ModelCard
from ...update import Update
from ..ribbon import in_words
from .background import reason

_LONGEST_LINE = 1000  # bytes: what is larger was not ours


class NowPlaying:
    """A Sink: the file always holds one whole line, and changes only when the line does.

    It is empty until the first update and after `close`. Raises StreamgenreError where the file
    cannot be written.
    """

    def __init__(self, path: str | Path, card: ModelCard) -> None:
        self.name = f"now playing {path}"
        self._card = card
        # Replacing a link would leave the file that it leads to as it was.
        self._path = Path(os.path.realpath(path))
        self._line: str | None = None
        if self._path.exists() and not self._path.is_file():
            why = "is a folder" if self._path.is_dir() else "is no regular file"
            raise StreamgenreError(f"--now-playing {path}: {why}; name a file to keep the line in")
        if self._path.exists() and self._path.stat().st_size > _LONGEST_LINE:
            raise StreamgenreError(
                f"--now-playing {path}: holds more than a line and would be lost; name another file"
            )
        try:
            self._show("")
        except OSError as error:
            raise StreamgenreError(
                f"--now-playing {path}: {reason(error)}; "
                "name a file in a folder that can be written to"
            ) from None

    def __call__(self, update: Update, at: datetime, source: str) -> None:
        self._show(in_words(self._card, update))

    def close(self) -> None:
        self._show("")

    def _show(self, line: str) -> None:
        if line == self._line:
            return
        with whole(self._path) as file:
            file.write(line + "\n")
        self._line = line
