"""Names and colours of genres on a page: those of the model's card, others for its corrections."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ...model.card import ModelCard

_OTHERS = (
    "#b8860b", "#4f9d8f", "#a65e9a", "#6b8fd6", "#d1795b", "#7d9a3e", "#c76b8f", "#5aa3c4",
    "#9a7b4f", "#8f7fd1", "#5f8f5f", "#c25b5b", "#3f8fa8", "#b07f2f", "#8fa08a", "#a7607a",
)  # fmt: skip
"""Of about the same lightness, so that each can be seen on light and dark paper."""


@dataclass(frozen=True, slots=True)
class Look:
    """A genre as people see it."""

    display: str
    colour: str


def looks(genres: Iterable[str], card: ModelCard | None = None) -> dict[str, Look]:
    """Genre -> its look. `card`: of a model with labels among the genres."""
    known = {} if card is None else {one.name: Look(one.display, one.colour) for one in card.labels}
    found = dict[str, Look]()
    for genre in genres:
        other = Look(genre[:1].upper() + genre[1:], _OTHERS[len(found) % len(_OTHERS)])
        found[genre] = known.get(genre, other)
    return found
