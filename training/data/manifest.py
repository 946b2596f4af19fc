"""A manifest: a CSV with a row a track, for data sets put together by hand.

Columns `key, genre, path`, and where wanted `genre2, set, group, split, tags, artist, title`; paths
are relative to the manifest, tags separated by semicolons, an empty genre means no trusted label,
`genre2` is a second acceptable genre. The
group is the artist where none is given, and the track itself where there is no artist either.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path

from .dataset import DataSet
from .record import Track
from .tables import rows

NEEDED = ("key", "genre", "path")
REMEDY = f"give the folder that holds manifest.csv, or a CSV with the columns {', '.join(NEEDED)}"


def read_manifest(path: Path) -> DataSet:
    """Tracks of a manifest file."""
    tracks = tuple(_track(row, path.parent) for row in rows(path, NEEDED, remedy=REMEDY))
    return DataSet("manifest", path.parent, tracks)


def _track(row: dict[str, str], folder: Path) -> Track:
    cells = {name: cell.strip() for name, cell in row.items()}
    # The same name may be written in two ways, as by macOS; here it is to be one.
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
