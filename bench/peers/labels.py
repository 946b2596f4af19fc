"""Fixed tables from genres to the labels of other taggers, based on the names of the labels only.

The tables in labels.toml were made for this comparison, without looking at predictions. A genre has
the labels that name it, and those of styles that belong to no other genre here (house and techno
are electronic, opera is classical, funk is soul, punk is rock). Labels for moods, decades,
instruments, voices and mixtures (pop rock, alternative, dance, chillout) are not used. If a tagger
has no label for a genre, the tracks of this genre are not scored.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Names = Mapping[str, Sequence[str]]
_TABLES: dict[str, Names] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
_TAGGERS = {
    "audioset": ("mn04", "yamnet"),
    "million_song": ("choi_crnn", "msd_musicnn", "msd_vgg", "msd_fcn", "msd_crnn"),
    "magnatagatune": ("mtt_musicnn",),
    "jamendo": ("jamendo_fcn", "jamendo_crnn", "jamendo_musicnn"),
}
VOCABULARY = {tagger: _TABLES[table] for table, taggers in _TAGGERS.items() for tagger in taggers}
"""The table of each tagger."""


def nameable(names: Names) -> tuple[str, ...]:
    """The genres that have a label, in the order of the table."""
    return tuple(genre for genre, words in names.items() if words)


def by_genre(
    probabilities: NDArray[np.floating], labels: Sequence[str], names: Names
) -> NDArray[np.floating]:
    """Probabilities of labels (N, L) -> of genres with labels (N, G), the maximum over the labels.

    The maximum is used because a style mostly implies its parent, and a sum would favour genres
    with many labels. Raises ValueError for an unknown label.
    """
    positions = {label: i for i, label in enumerate(labels)}
    columns = []
    for genre, words in names.items():
        if absent := [word for word in words if word not in positions]:
            raise ValueError(f"{genre}: no label {', '.join(absent)}")
        if words:
            columns.append(probabilities[:, [positions[word] for word in words]].max(1))
    return np.stack(columns, 1)
