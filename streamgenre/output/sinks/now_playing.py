"""The current genre as one line of a text file, for streaming software."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from ...errors import OutputError
from ...files import text_replacement
from ...model.card import ModelCard
from ...update import Update
from ..ribbon import decision_text

_LONGEST_LINE = 1000  # bytes; a larger file was not written by this sink


class NowPlaying:
    """A Sink that keeps one complete line in a file and replaces it only when it changes.

    The line is empty until the first update and after `close`. Raises OutputError if the file
    cannot be written.
    """

    def __init__(self, path: str | Path, card: ModelCard) -> None:
        self.name = f"now playing {path}"
        self._card = card
        self._path = Path(path)
        self._line: str | None = None
        if self._path.exists() and not self._path.is_file():
            why = "is a folder" if self._path.is_dir() else "is not a regular file"
            raise OutputError(f"{path}: {why}; choose a file for the line")
        if self._path.exists() and self._path.stat().st_size > _LONGEST_LINE:
            raise OutputError(
                f"{path}: has other content, which would be lost; choose another file"
            )
        try:
            self._show("")
        except OutputError as error:
            raise OutputError(f"{error}; choose a file in a writable folder") from None

    def __call__(self, update: Update, at: datetime, source: str) -> None:
        self._show(decision_text(self._card, update))

    def close(self) -> None:
        self._show("")

    def _show(self, line: str) -> None:
        if line == self._line:
            return
        with text_replacement(self._path) as file:
            file.write(line + "\n")
        self._line = line
