"""One line at each change of decision: for people who read a log rather than a display."""

from __future__ import annotations

from datetime import datetime
from typing import TextIO

from ..model.card import ModelCard
from ..update import Update
from .words import in_words


class Changes:
    """See sink.Sink. Writes "2026-05-01 20:15:03  Jazz 83 %" to a text file, flushed."""

    name = "changes"

    def __init__(self, file: TextIO, card: ModelCard) -> None:
        self._file, self._card = file, card
        self._last: tuple[str, str | None] | None = None

    def __call__(self, update: Update, at: datetime, source: str) -> None:
        """See sink.Sink."""
        decision = update.status, update.genre
        if decision == self._last:
            return
        line = f"{at:%Y-%m-%d %H:%M:%S}  {in_words(self._card, update)}"
        if update.genre == update.top:  # a genre that is held has lost the lead
            line += f" {update.confidence:.0%}"
        self._file.write(line + "\n")
        self._file.flush()
        self._last = decision

    def close(self) -> None:
        """Nothing is left to do."""
