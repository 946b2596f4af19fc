"""Tagging data sets: MagnaTagATune (Law et al. 2009) and the Million Song Dataset's top 50 tags.

A track has any number of tags and no genre. The labels are the 50 most frequent tags. A separate
table of tags turns any other data set into a tagging data set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .dataset import DataSet
from .record import DataError, Track
from .tables import rows

ANNOTATIONS, CLIPS = "annotations_final.csv", "clip_info_final.csv"
MSD_TABLES = ("msd.csv", "tags.csv")
MSD_COLUMNS = ("path", "split", "artist")
TOP = 50
KEY = "key"  # first column of a separate table


def read_magnatagatune(root: Path) -> DataSet:
    """Read the 50 most frequent tags, with the usual split by folder: 0-b, c, d-f."""
    remedy = "get it from mirg.city.ac.uk/codeapps/the-magnatagatune-dataset"
    needed = ("clip_id", "mp3_path")
    clips: list[tuple[str, str, tuple[str, ...]]] = []
    known: tuple[str, ...] = ()
    for row in rows(root / ANNOTATIONS, needed, remedy=remedy, delimiter="\t"):
        known = known or tuple(name for name in row if name not in needed)
        tags = tuple(name for name in known if row[name] == "1")
        clips.append((row["clip_id"], row["mp3_path"], tags))
    counts = Counter(tag for _, _, tags in clips for tag in tags)
    # The sort is stable: for equal counts, the earlier column comes first.
    top = set(sorted(known, key=lambda tag: -counts[tag])[:TOP])
    artists: dict[str, tuple[str, str]] = {}
    if (root / CLIPS).is_file():
        info = rows(root / CLIPS, ("clip_id", "artist", "title"), remedy=remedy, delimiter="\t")
        artists = {row["clip_id"]: (row["artist"], row["title"]) for row in info}
    audio = next((root / n for n in ("mp3", "audio") if (root / n / "0").is_dir()), root)
    tracks = []
    for key, path, tags in clips:
        artist, title = artists.get(key, ("", ""))
        # Without the second table: names of clips of one recording differ in their times only.
        group = artist or path.rsplit("-", 2)[0]
        kept = tuple(tag for tag in tags if tag in top)
        tracks.append(
            Track(key, "magnatagatune", "", group, _split(path), audio / path, kept, artist, title)
        )
    names = tuple(tag for tag in known if tag in top)
    return DataSet("magnatagatune", root, tuple(tracks), task="tags", tag_names=names)


def _split(path: str) -> str:
    folder = path[:1].lower()
    if folder in set("0123456789ab"):
        return "train"
    if folder == "c":
        return "valid"
    if folder in set("def"):
        return "test"
    raise DataError(f"{ANNOTATIONS}: {path!r} is in none of MagnaTagATune's folders 0 to f")


def msd_table(root: Path) -> Path | None:
    """Return the tag table of a Million Song Dataset, or None."""
    for path in (root / name for name in MSD_TABLES):
        if path.is_file():
            with path.open(encoding="utf-8-sig", errors="replace") as file:
                if file.readline().startswith(",".join(MSD_COLUMNS)):
                    return path
    return None


def read_msd(root: Path) -> DataSet:
    """Read a table `msd.csv` or `tags.csv`: path, split, artist, then one column per tag (0 or 1).

    The audio of the Million Song Dataset is not published, and its top 50 tags exist in several
    forms. This form is easy to derive from the usual lists.
    """
    path = msd_table(root) or root / MSD_TABLES[0]
    remedy = f"make a CSV with the columns {', '.join(MSD_COLUMNS)} and a 0 or 1 column per tag"
    tracks: list[Track] = []
    names: tuple[str, ...] = ()
    for row in rows(path, MSD_COLUMNS, remedy=remedy):
        where, artist = row["path"], row["artist"]
        names = names or tuple(name for name in row if name not in MSD_COLUMNS)
        tags = tuple(name for name in names if row[name] == "1")
        tracks.append(
            Track(where, "msd", "", artist or where, row["split"], root / where, tags, artist)
        )
    return DataSet("msd", root, tuple(tracks), task="tags", tag_names=names)


def with_tags(dataset: DataSet, path: Path) -> DataSet:
    """Return a data set with the tags of a table: `key`, then one column per tag (0 or 1).

    Tracks that are not in the table are left out. Raises DataError if the table has fewer than two
    tags, a duplicate key, an invalid value, or no key of the data set.
    """
    remedy = f"make a CSV with the column {KEY} and a 0 or 1 column per tag"
    tags_by_key: dict[str, tuple[str, ...]] = {}
    names: tuple[str, ...] = ()
    for row in rows(path, (KEY,), remedy=remedy):
        key = row.pop(KEY)
        names = names or tuple(row)
        odd = next((name for name in names if row[name].strip() not in ("0", "1")), None)
        if odd is not None:
            raise DataError(f"{path}: {key}, {odd}: {row[odd]!r} is neither 0 nor 1")
        if key in tags_by_key:
            raise DataError(f"{path}: {key} occurs twice; keep one row of it")
        tags_by_key[key] = tuple(name for name in names if row[name].strip() == "1")
    if len(names) < 2:
        raise DataError(f"{path}: at least two tags are required, not {', '.join(names) or 'none'}")
    tracks = tuple(
        replace(t, tags=tags_by_key[t.key]) for t in dataset.tracks if t.key in tags_by_key
    )
    if not tracks:
        raise DataError(f"{path}: none of its keys is a track of {dataset.root}")
    return replace(dataset, tracks=tracks, task="tags", tag_names=names)


def multi_hot(tracks: Sequence[Track], names: Sequence[str]) -> NDArray[np.bool_]:
    """Binary matrix of tags, bool (tracks, tags)."""
    return np.array([[name in track.tags for name in names] for track in tracks], bool)
