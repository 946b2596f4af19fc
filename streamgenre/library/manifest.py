"""Corrected files as training music: the manifest that `streamgenre adapt` and `train` read.

It is a CSV with the columns `key,genre,path,artist,title,split`. Paths are absolute. All tracks are
in the training part, as adapt measures by cross-validation, in which the tracks of an artist stay
together.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..files import text_replacement
from .row import Row, system_path

_COLUMNS = ("key", "genre", "path", "artist", "title", "split")
_FEW = 2  # tracks of a genre with which nothing can be measured


@dataclass(frozen=True, slots=True)
class Written:
    """What is in a manifest."""

    tracks: int
    genres: tuple[str, ...]
    notes: tuple[str, ...]
    """What adapt would complain about, and files that were left out."""


def write_manifest(path: str | os.PathLike[str], rows: Iterable[Row]) -> Written:
    """Write the corrected files among the rows to a CSV file, atomically.

    Files with an error, files that are gone, and names that are not UTF-8 are left out and noted.
    Raises InputError if none is left, and OutputError.
    """
    counts: dict[str, int] = {}
    notes: list[str] = []
    lines = []
    for row in rows:
        if row.corrected is None:
            continue
        if why := _unusable(row):
            notes.append(f"{row.path}: left out, as {why}")
            continue
        counts[row.corrected] = counts.get(row.corrected, 0) + 1
        names = row.artist or "", row.title or ""
        lines.append((row.path, row.corrected, row.path, *names, "train"))
    if not lines:
        raise InputError("no file of the results is corrected; streamgenre correct --help")
    if len(counts) == 1:
        notes.append(f"all files are {next(iter(counts))}; adapt needs two genres or more")
    few = [genre for genre, count in counts.items() if count <= _FEW]
    if few:
        notes.append(f"{', '.join(few)}: {_FEW} files or fewer; adapt needs a dozen for each genre")
    with text_replacement(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows(lines)
    return Written(len(lines), tuple(counts), tuple(notes))


def _unusable(row: Row) -> str | None:
    """Why a file is no training music."""
    if row.error is not None:
        return "it could not be read"
    name = system_path(row.path)
    if name != row.path:
        return "its name is not UTF-8"
    return None if Path(name).exists() else "it is gone"
