"""Write corrected files as a manifest, the training data of `streamgenre adapt` and `train`.

A manifest is a CSV file with the columns `key,genre,path,artist,title,split`. Paths are absolute.
All tracks are in the training split, because `adapt` uses cross-validation, grouped by artist.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import InputError
from ..files import exists, text_replacement
from .row import Row, system_path

_COLUMNS = ("key", "genre", "path", "artist", "title", "split")
_FEW = 2  # files of a genre, too few for cross-validation


@dataclass(frozen=True, slots=True)
class ManifestSummary:
    """The content of a manifest."""

    tracks: int
    genres: tuple[str, ...]
    warnings: tuple[str, ...]
    """Omitted files, and genres with too few files."""


def write_manifest(path: str | os.PathLike[str], rows: Iterable[Row]) -> ManifestSummary:
    """Write the corrected files among the rows to a CSV file, atomically.

    Files with an error, missing files, and paths that are not UTF-8 are omitted with a warning.
    Raises InputError if no file remains, and OutputError.
    """
    counts: dict[str, int] = {}
    warnings: list[str] = []
    lines = []
    for row in rows:
        if row.corrected is None:
            continue
        if why := _unusable(row):
            warnings.append(f"{row.path}: omitted, because {why}")
            continue
        counts[row.corrected] = counts.get(row.corrected, 0) + 1
        names = row.artist or "", row.title or ""
        lines.append((row.path, row.corrected, row.path, *names, "train"))
    if not lines:
        raise InputError("no file of the results has a correction; see streamgenre correct --help")
    if len(counts) == 1:
        warnings.append(f"all files are {next(iter(counts))}; adapt needs at least two genres")
    few = [genre for genre, count in counts.items() if count <= _FEW]
    if few:
        warnings.append(
            f"{', '.join(few)}: at most {_FEW} files; adapt needs about a dozen per genre"
        )
    with text_replacement(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows(lines)
    return ManifestSummary(len(lines), tuple(counts), tuple(warnings))


def _unusable(row: Row) -> str | None:
    """Why a file cannot be used for training; None if it can."""
    if row.error is not None:
        return "it could not be read"
    name = system_path(row.path)
    try:
        os.fsencode(name).decode()
    except UnicodeDecodeError:
        return "its path is not UTF-8"
    return None if exists(name) else "it does not exist"
