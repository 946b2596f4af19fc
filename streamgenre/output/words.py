"""A decision in words, where a reader does not see a display around it."""

from __future__ import annotations

from ..model.card import ModelCard
from ..update import Update
from .ribbon import shown

_WORDS = {"no-music": "no music", "gap": "no signal"}


def in_words(card: ModelCard, update: Update) -> str:
    """The genre's display name, "unsure", "no music" or "no signal"."""
    return _WORDS.get(update.status) or shown(card, update.status, update.genre)
