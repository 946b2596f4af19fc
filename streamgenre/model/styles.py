"""Styles: finer labels such as house, punk or opera, not calibrated and without a decision.

A style is shown only together with its genre. A style without a genre is always shown.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from .card import ModelCard

_MOST = 3  # styles listed for a recording
_LEAST = 0.35  # mean probability below which a style is not listed


def styles_of(
    card: ModelCard, genre: str | None, probabilities: NDArray[np.floating]
) -> dict[str, float]:
    """Style -> probability of the styles of a genre, the most probable first.

    `probabilities`: (K,) in 0..1, in the order of the card.
    """
    shown = {
        style.name: float(probabilities[i])
        for i, style in enumerate(card.styles)
        if style.parent is None or style.parent == genre
    }
    return dict(sorted(shown.items(), key=lambda item: -item[1]))


class StyleMeans:
    """Mean probability of each style over the updates that list it, weighted by duration."""

    def __init__(self, card: ModelCard) -> None:
        self._card = card
        self._index = {style.name: i for i, style in enumerate(card.styles)}
        self._total = np.zeros(len(card.styles))
        self._listed = np.zeros(len(card.styles))  # s

    def add(self, styles: Mapping[str, float], seconds: float) -> None:
        """Add the styles of an update with `seconds` of new audio."""
        for name, probability in styles.items():
            self._total[self._index[name]] += probability * seconds
            self._listed[self._index[name]] += seconds

    def most_probable(self, genre: str | None) -> dict[str, float]:
        """At most three styles of a genre, the most probable first; often none."""
        means = self._total / np.where(self._listed > 0, self._listed, 1)
        styles = styles_of(self._card, genre, means).items()
        return {name: mean for name, mean in list(styles)[:_MOST] if mean >= _LEAST}
