"""What was heard for how long: the summary at the end, in a few numbers however long it was."""

from __future__ import annotations

from ..model.card import ModelCard
from ..output.ribbon import clock
from ..output.words import in_words
from ..update import Update

_MOST = 5  # decisions named


class Tally:
    """Seconds of each decision."""

    def __init__(self, card: ModelCard) -> None:
        self._card = card
        self._seconds: dict[str, float] = {}
        self._end = 0.0

    def add(self, update: Update) -> None:
        """Count the next update's time for what it decided."""
        name = in_words(self._card, update)
        self._seconds[name] = self._seconds.get(name, 0.0) + update.time - self._end
        self._end = update.time

    def __str__(self) -> str:
        if not self._seconds:
            return "nothing heard"
        ranked = sorted(self._seconds.items(), key=lambda item: -item[1])
        parts = [f"{name} {seconds / self._end:.0%}" for name, seconds in ranked[:_MOST]]
        return f"heard {clock(self._end)}: {', '.join(parts)}"
