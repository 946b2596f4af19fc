"""Groups of genres and sets whose figures stand beside those of others: named, with their counts.

A group's macro recall is over the genres of its name alone; what is predicted may be any label of
the model. GTZAN's ten genres: Tzanetakis & Cook 2002.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .measures import Floats, scored_figures
from .scored import Scored

GTZAN_TEN = frozenset(
    ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
)
ELEVEN = GTZAN_TEN | {"electronic"}
_GTZAN, _SHORT, _SONGS = "gtzan", "gtzan-short", "songs"
_PROTOCOLS: tuple[tuple[str, frozenset[str], frozenset[str], frozenset[str]], ...] = (
    # name, genres, sets that it is about (none: all), sets left out
    ("eleven genres (without ambient, folk, soul)", ELEVEN, frozenset(), frozenset()),
    ("eleven genres, songs alone", ELEVEN, frozenset({_SONGS}), frozenset()),
    ("eleven genres, without songs", ELEVEN, frozenset(), frozenset({_SONGS})),
    ("GTZAN's ten genres alone", GTZAN_TEN, frozenset({_GTZAN, _SHORT}), frozenset()),
    ("GTZAN's ten genres alone, 30 s", GTZAN_TEN, frozenset({_GTZAN}), frozenset()),
)


def protocol_masks(sets: Sequence[str], genres: Sequence[str]) -> dict[str, NDArray[np.bool_]]:
    """A mask of the tracks of each group; only of groups whose sets and genres are all there.

    Of `songs` alone and of the rest, the genres that they have: the number is said with the figure.

    >>> sorted(protocol_masks(["gtzan"] * 10, sorted(GTZAN_TEN)))
    ["GTZAN's ten genres alone", "GTZAN's ten genres alone, 30 s"]
    """
    have_sets, have_genres = set(sets), set(genres)
    found = {}
    for name, wanted, only, without in _PROTOCOLS:
        if not wanted <= have_genres or not without <= have_sets or (only and not only & have_sets):
            continue
        mask = np.array(
            [
                genre in wanted and (not only or where in only) and where not in without
                for where, genre in zip(sets, genres, strict=True)
            ]
        )
        if mask.any():
            found[name] = mask
    return found


def protocol_figures(mean: Floats, scored: Scored) -> dict[str, Any]:
    """Figures of each group, from mean probabilities (tracks, C), and of how many genres."""
    masks = protocol_masks([t.set for t in scored.tracks], [t.genre for t in scored.tracks])
    return {
        name: {"genres": len(np.unique(scored.true[m])), **scored_figures(mean[m], scored.at(m))}
        for name, m in masks.items()
    }
