"""Selection of the tags to learn: all music classes, some of them as styles.

The classes of AudioSet include styles of our genres (Gemmeke et al. 2017, ontology of music
genres).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..inference.decisions import sigmoid

MUSIC_CLASS = "Music"
_MUSIC_FROM, _MUSIC_TO = "Music", "Scary music"  # the music classes of AudioSet are contiguous
_BESIDE = ("Speech", "Singing", "Choir", "Rapping", "Humming", "Silence", "Noise", "Cheering")

_TABLES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
STYLES: Mapping[str, tuple[str, str]] = {
    name: (style, parent) for name, (style, parent) in _TABLES["styles"].items()
}
"""Class of AudioSet -> name of the style and its parent genre."""
GENRES_OF_TAG: Mapping[str, Sequence[str]] = _TABLES["genres"]
"""Genre of AllMusic -> compatible genres of the data set."""

_STRONG, _SHARE = 0.5, 0.9
_MUSIC_SHIFT = 2.0


def music_classes(classes: Sequence[str]) -> list[int]:
    """Indices of the AudioSet classes to learn."""
    first, last = classes.index(_MUSIC_FROM), classes.index(_MUSIC_TO)
    beside = [classes.index(name) for name in _BESIDE if name in classes]
    return [*range(first, last + 1), *beside]


def logit_shift(logits: NDArray[np.float32], parent: NDArray[np.bool_]) -> float:
    """Shift for the logits of a style (N,) that makes a tenth of its parent's windows strong.

    AudioSet probabilities of rare classes are low even where the class clearly applies.
    """
    if not parent.any():
        return 0.0
    return float(np.log(_STRONG / (1 - _STRONG)) - np.quantile(logits[parent], _SHARE))


def music_probability(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probability of music from the logits of AudioSet's class "Music".

    Almost all sounds of AudioSet without music have a probability of "Music" below 0.1, and music
    above 0.3. The result is 0.5 in between.
    """
    return np.asarray(sigmoid(logits + _MUSIC_SHIFT), np.float32)
