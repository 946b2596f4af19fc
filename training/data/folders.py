"""A folder per genre: the layout for your own music and for most data sets without a table.

A track in `genre/track.ext` is its own group. In `genre/artist/.../track.ext` the group is the
artist.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path

from .audio_files import EXTENSIONS, audio_files
from .dataset import DataSet
from .record import DataError, Track


def read_folders(root: Path) -> DataSet:
    """Read every audio file below a sub-folder of `root`."""
    tracks = []
    loose = 0
    for path in audio_files(root):
        inside = path.relative_to(root)
        if len(inside.parts) == 1:  # not in a genre folder
            loose += 1
            continue
        # macOS normalises names in another form than Linux; use one form for both.
        genre, artist = (unicodedata.normalize("NFC", name) for name in inside.parts[:2])
        key, artist = inside.as_posix(), artist if len(inside.parts) > 2 else ""
        tracks.append(
            Track(key, "folders", genre, artist or key, "", path, artist=artist, title=path.stem)
        )
    if not tracks:
        raise DataError(
            f"{root}: no audio files in genre folders; add files such as rock/song.mp3, in one of "
            f"the formats {', '.join(sorted(EXTENSIONS))}"
        )
    warnings = (f"audio files outside of genre folders, left out: {loose}",) if loose else ()
    return DataSet("folders", root, tuple(tracks), warnings)
