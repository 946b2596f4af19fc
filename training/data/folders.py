"""A folder per genre: the layout of one's own music, and of most data sets that come without table.

`genre/track.ext` stands for itself; in `genre/artist/.../track.ext` the artist is the group.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path

from .audio_files import EXTENSIONS, audio_files
from .dataset import DataSet
from .record import DataError, Track


def read_folders(root: Path) -> DataSet:
    """Every audio file below a sub-folder of `root`."""
    tracks = []
    loose = 0
    for path in audio_files(root):
        inside = path.relative_to(root)
        if len(inside.parts) == 1:  # beside the genre folders, in none of them
            loose += 1
            continue
        # macOS may write a name in another way than Linux; here it is to be the same.
        genre, artist = (unicodedata.normalize("NFC", name) for name in inside.parts[:2])
        key, artist = inside.as_posix(), artist if len(inside.parts) > 2 else ""
        tracks.append(
            Track(key, "folders", genre, artist or key, "", path, artist=artist, title=path.stem)
        )
    if not tracks:
        raise DataError(
            f"{root}: no audio in folders named after genres; put files such as rock/song.mp3 "
            f"there, in a format of {', '.join(sorted(EXTENSIONS))}"
        )
    warnings = (f"audio files in no genre's folder, left out: {loose}",) if loose else ()
    return DataSet("folders", root, tuple(tracks), warnings)
