"""Styles: finer hints (house, punk, opera) under a genre, not calibrated and no decision.

A style stands only beside its genre, where it says what kind of it this may be; one without a
genre of its own always stands.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from .card import ModelCard

_MOST = 3  # hints for a whole recording: more would not be read
_LEAST = 0.35  # mean probability below which a style is no hint; half is a tenth of its genre


def styles_beside(
    card: ModelCard, genre: str | None, probabilities: NDArray[np.floating]
) -> dict[str, float]:
    """Style -> probability of those that can stand beside a genre, the likeliest first.

    `probabilities`: (K,) in 0..1, in the order of the card.
    """
    found = {
        style.name: float(probabilities[i])
        for i, style in enumerate(card.styles)
        if style.parent is None or style.parent == genre
    }
    return dict(sorted(found.items(), key=lambda item: -item[1]))


class StyleMeans:
    """Mean of each style over the updates that list it, weighted by their seconds."""

    def __init__(self, card: ModelCard) -> None:
        self._card = card
        self._index = {style.name: i for i, style in enumerate(card.styles)}
        self._total = np.zeros(len(card.styles))
        self._listed = np.zeros(len(card.styles))  # s

    def add(self, styles: Mapping[str, float], seconds: float) -> None:
        """Add the styles of an update that brought `seconds` of new audio."""
        for name, probability in styles.items():
            self._total[self._index[name]] += probability * seconds
            self._listed[self._index[name]] += seconds

    def likeliest(self, genre: str | None) -> dict[str, float]:
        """The few likeliest beside a genre, the likeliest first; often none."""
        means = self._total / np.where(self._listed > 0, self._listed, 1)
        beside = styles_beside(self._card, genre, means).items()
        return {name: mean for name, mean in list(beside)[:_MOST] if mean >= _LEAST}
