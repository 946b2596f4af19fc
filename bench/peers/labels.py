"""Fixed tables from genres to the labels of other taggers, based on the names of the labels only.

The tables were made for this comparison, without looking at predictions. A genre has the labels
that name it, and those of styles that belong to no other genre here (house and techno are
electronic, opera is classical, funk is soul, punk is rock). Labels for moods, decades, instruments,
voices and mixtures (pop rock, alternative, dance, chillout) are not used. None means that the
tagger has no label for the genre; tracks of this genre are not scored.
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
        if absent := [word for word in words or () if word not in positions]:
            raise ValueError(f"{genre}: no label {', '.join(absent)}")
        if words:
            columns.append(probabilities[:, [positions[word] for word in words]].max(1))
    return np.stack(columns, 1)
