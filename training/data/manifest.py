"""A manifest: a CSV with a row a track, for data sets put together by hand.

Columns `key, genre, path`, and where wanted `set, group, split, tags, artist, title`; paths are
relative to the manifest, tags separated by semicolons, an empty genre means no trusted label.
"""

from __future__ import annotations

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
    return Track(
        row["key"],
        row.get("set") or "manifest",
        row["genre"],
        row.get("group") or row["key"],
        row.get("split", ""),
        folder / row["path"],
        tuple(word.strip() for word in row.get("tags", "").split(";") if word.strip()),
        row.get("artist", ""),
        row.get("title", ""),
    )
