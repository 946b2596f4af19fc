"""A manifest: a CSV with one row per track, for custom data sets.

The required columns are `key, genre, path`, the optional ones `genre2, set, group, split, tags,
artist, title`. Paths are relative to the manifest, tags are separated by semicolons, an empty genre
means that there is no trusted label, and `genre2` is a second acceptable genre. The group defaults
to the artist, or to the track itself if there is no artist.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path

from .dataset import DataSet
from .record import Track
from .tables import rows

NEEDED = ("key", "genre", "path")
REMEDY = f"give the folder of manifest.csv, or a CSV with the columns {', '.join(NEEDED)}"


def read_manifest(path: Path) -> DataSet:
    """Read the tracks of a manifest file."""
    tracks = tuple(_track(row, path.parent) for row in rows(path, NEEDED, remedy=REMEDY))
    return DataSet("manifest", path.parent, tracks)


def _track(row: dict[str, str], folder: Path) -> Track:
    cells = {name: cell.strip() for name, cell in row.items()}
    # The same name can be encoded in two Unicode forms, for example by macOS; use one.
    names = ("genre", "genre2", "group", "artist")
    genre, second, group, artist = (unicodedata.normalize("NFC", cells.get(n, "")) for n in names)
    return Track(
        cells["key"],
        cells.get("set") or "manifest",
        genre,
        group or artist or cells["key"],
        cells.get("split", ""),
        folder / cells["path"],
        tuple(word.strip() for word in cells.get("tags", "").split(";") if word.strip()),
        artist,
        cells.get("title", ""),
        second,
    )
