"""What of the teachers' tags is learnt: all that is about music, some of it as styles.

AudioSet's own head names styles below our genres (Gemmeke et al. 2017, ontology of music genres).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

MUSIC_CLASS = "Music"
_MUSIC_FROM, _MUSIC_TO = "Music", "Scary music"  # AudioSet's music classes stand in a row
_BESIDE = ("Speech", "Singing", "Choir", "Rapping", "Humming", "Silence", "Noise", "Cheering")

STYLES: Mapping[str, tuple[str, str]] = {
    "House music": ("house", "electronic"),
    "Techno": ("techno", "electronic"),
    "Dubstep": ("dubstep", "electronic"),
    "Drum and bass": ("drum and bass", "electronic"),
    "Trance music": ("trance", "electronic"),
    "Video game music": ("video game", "electronic"),
    "New-age music": ("new age", "ambient"),
    "Punk rock": ("punk", "rock"),
    "Grunge": ("grunge", "rock"),
    "Progressive rock": ("progressive rock", "rock"),
    "Rock and roll": ("rock and roll", "rock"),
    "Psychedelic rock": ("psychedelic rock", "rock"),
    "Ska": ("ska", "reggae"),
    "Funk": ("funk", "soul"),
    "Gospel music": ("gospel", "soul"),
    "Rhythm and blues": ("rhythm and blues", "soul"),
    "Swing music": ("swing", "jazz"),
    "Bluegrass": ("bluegrass", "country"),
    "Opera": ("opera", "classical"),
    "Choir": ("choir", "classical"),
    "Salsa music": ("salsa", "pop"),
    "Music of Bollywood": ("Bollywood", "pop"),
    "Christmas music": ("Christmas", "pop"),
    "Flamenco": ("flamenco", "folk"),
    "Traditional music": ("traditional", "folk"),
    "Beatboxing": ("beatboxing", "hiphop"),
}
"""AudioSet's class -> the style's name and the genre above it."""

_STRONG, _SHARE = 0.5, 0.9
_MUSIC_SHIFT = 2.0


def musical(classes: Sequence[str]) -> list[int]:
    """The numbers of AudioSet's classes that are learnt."""
    first, last = classes.index(_MUSIC_FROM), classes.index(_MUSIC_TO)
    beside = [classes.index(name) for name in _BESIDE if name in classes]
    return [*range(first, last + 1), *beside]


def shown(logits: NDArray[np.float32], parent: NDArray[np.bool_]) -> float:
    """What to add to a style's logits (N,) so that it is strong on a tenth of its parent's windows.

    AudioSet's probabilities of rare classes stay low where the class is plain to hear.
    """
    if not parent.any():
        return 0.0
    return float(np.log(_STRONG / (1 - _STRONG)) - np.quantile(logits[parent], _SHARE))


def is_music(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits of AudioSet's class "Music" -> the probability that this is music at all.

    Nearly all that AudioSet's graders heard beside music has a probability of "Music" below a
    tenth, music above three tenths: one half lies between.
    """
    return np.asarray(sigmoid(logits + _MUSIC_SHIFT), np.float32)


def sigmoid(logits: NDArray[np.floating]) -> NDArray[np.floating]:
    """Logits -> probabilities, in double precision."""
    return np.asarray(1 / (1 + np.exp(-logits.astype(np.float64))))
