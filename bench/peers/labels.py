"""What other taggers call our genres: fixed tables, made from the labels' names alone.

The tables are ours, not the taggers' makers'. Nobody's predictions were looked at for them. The
rule: a genre has the labels that name it, and those that name a style below it which nothing else
here could claim (house and techno are electronic, opera is classical, funk is soul, punk is rock).
Words for moods, decades, instruments, voices and mixtures (pop rock, alternative, dance, chillout)
are nobody's. None: the tagger has no word for the genre, and tracks of it are not scored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Names = Mapping[str, tuple[str, ...] | None]

AUDIOSET: Names = {
    "ambient": ("Ambient music", "New-age music"),
    "blues": ("Blues",),
    "classical": ("Classical music", "Opera"),
    "country": ("Country", "Bluegrass"),
    "disco": ("Disco",),
    "electronic": (
        "Electronic music",
        "House music",
        "Techno",
        "Dubstep",
        "Drum and bass",
        "Electronica",
        "Electronic dance music",
        "Trance music",
    ),
    "folk": ("Folk music",),
    "hiphop": ("Hip hop music",),
    "jazz": ("Jazz", "Swing music"),
    "metal": ("Heavy metal",),
    "pop": ("Pop music",),
    "reggae": ("Reggae", "Ska"),
    "rock": (
        "Rock music",
        "Punk rock",
        "Grunge",
        "Progressive rock",
        "Rock and roll",
        "Psychedelic rock",
    ),
    "soul": ("Soul music", "Rhythm and blues", "Funk"),
}
"""Gemmeke et al. 2017: classes under "Music genre"."""

MILLION_SONG: Names = {
    "ambient": ("ambient",),
    "blues": ("blues",),
    "classical": None,
    "country": ("country",),
    "disco": None,
    "electronic": ("electronic", "electronica", "electro", "House"),
    "folk": ("folk",),
    "hiphop": ("Hip-Hop",),
    "jazz": ("jazz",),
    "metal": ("metal", "heavy metal"),
    "pop": ("pop", "indie pop"),
    "reggae": None,
    "rock": (
        "rock",
        "alternative rock",
        "classic rock",
        "indie rock",
        "hard rock",
        "punk",
        "Progressive rock",
    ),
    "soul": ("soul", "rnb", "funk"),
}
"""The fifty most frequent Last.fm tags of the Million Song Dataset."""

MAGNATAGATUNE: Names = {
    "ambient": ("ambient", "new age"),
    "blues": None,
    "classical": ("classical", "classic", "opera"),
    "country": ("country",),
    "disco": None,
    "electronic": ("electronic", "techno"),
    "folk": None,
    "hiphop": None,
    "jazz": None,
    "metal": ("metal",),
    "pop": ("pop",),
    "reggae": None,
    "rock": ("rock",),
    "soul": None,
}
"""The fifty most frequent tags of Law et al. 2009."""

JAMENDO: Names = {
    "ambient": ("genre---ambient", "genre---newage"),
    "blues": None,
    "classical": ("genre---classical", "genre---orchestral"),
    "country": None,
    "disco": None,
    "electronic": ("genre---electronic", "genre---techno", "genre---trance", "genre---house"),
    "folk": ("genre---folk",),
    "hiphop": ("genre---hiphop",),
    "jazz": ("genre---jazz",),
    "metal": ("genre---metal",),
    "pop": ("genre---pop", "genre---instrumentalpop"),
    "reggae": ("genre---reggae",),
    "rock": ("genre---rock",),
    "soul": ("genre---funk",),
}
"""The fifty most frequent tags of MTG-Jamendo (Bogdanov et al. 2019)."""

VOCABULARY: Mapping[str, Names] = {
    "mn04": AUDIOSET,
    "yamnet": AUDIOSET,
    "choi_crnn": MILLION_SONG,
    "msd_musicnn": MILLION_SONG,
    "msd_vgg": MILLION_SONG,
    "msd_fcn": MILLION_SONG,
    "msd_crnn": MILLION_SONG,
    "mtt_musicnn": MAGNATAGATUNE,
    "jamendo_fcn": JAMENDO,
    "jamendo_crnn": JAMENDO,
    "jamendo_musicnn": JAMENDO,
}
"""The table of each tagger."""


def nameable(names: Names) -> tuple[str, ...]:
    """The genres that there is a word for, in the table's order."""
    return tuple(genre for genre, words in names.items() if words)


def by_genre(
    probabilities: NDArray[np.floating], labels: Sequence[str], names: Names
) -> NDArray[np.floating]:
    """Probabilities of labels (N, L) -> of the nameable genres (N, G): the highest of each's words.

    The highest and not the sum: a style's probability is mostly within that of what lies above it,
    and a sum would favour the genres with many words. ValueError where a word is no label.
    """
    positions = {label: i for i, label in enumerate(labels)}
    columns = []
    for genre, words in names.items():
        if absent := [word for word in words or () if word not in positions]:
            raise ValueError(f"{genre}: no label {', '.join(absent)}")
        if words:
            columns.append(probabilities[:, [positions[word] for word in words]].max(1))
    return np.stack(columns, 1)
