"""Display names and colours of genres, from the model card or, for other genres, from a palette."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ...model.card import ModelCard
from ...wording import capitalised

_PALETTE = (
    "#b8860b", "#4f9d8f", "#a65e9a", "#6b8fd6", "#d1795b", "#7d9a3e", "#c76b8f", "#5aa3c4",
    "#9a7b4f", "#8f7fd1", "#5f8f5f", "#c25b5b", "#3f8fa8", "#b07f2f", "#8fa08a", "#a7607a",
)  # fmt: skip
"""Colours of similar lightness, visible on light and dark backgrounds."""


@dataclass(frozen=True, slots=True)
class Look:
    """Display name and colour of a genre."""

    display: str
    colour: str


def looks(genres: Iterable[str], card: ModelCard | None = None) -> dict[str, Look]:
    """Genre -> its look. `card`: the model card, for genres that are labels of the model."""
    known = {} if card is None else {one.name: Look(one.display, one.colour) for one in card.labels}
    result = dict[str, Look]()
    for genre in genres:
        other = Look(capitalised(genre), _PALETTE[len(result) % len(_PALETTE)])
        result[genre] = known.get(genre, other)
    return result
