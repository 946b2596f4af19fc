"""The predictions behind the published figures, as CSV, and the figures from them again.

Columns: key, set, genre, artist, title, group, genre2, then the probability of each label (mean
over the track's steps, five digits). Files with the first three of them alone are read, too, and
what a spreadsheet program makes of them (a byte-order mark, empty lines at the end), and gzipped
ones (.gz).
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from ..data.record import DataError, Track
from .measures import Floats, figures, track_figures

_NEEDED = ["key", "set", "genre"]
_KNOWN = [*_NEEDED, "artist", "title", "group", "genre2"]


@dataclass(frozen=True)
class Predictions:
    """One file's tracks."""

    keys: tuple[str, ...]
    sets: tuple[str, ...]
    genres: tuple[str, ...]
    labels: tuple[str, ...]
    probabilities: NDArray[np.float64]  # (tracks, C)
    groups: tuple[str, ...] = ()  # artist of each track, resampled as a whole; empty: unknown
    seconds: tuple[str, ...] = ()  # second acceptable genre of each; empty: unknown

    @property
    def true(self) -> NDArray[np.int64]:
        """Index of each track's genre among the labels."""
        return np.array([self.labels.index(genre) for genre in self.genres])


def write_predictions(
    path: Path, tracks: Sequence[Track], labels: Sequence[str], probabilities: Floats
) -> None:
    """One row a track."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*_KNOWN, *labels])
        for t, row in zip(tracks, probabilities, strict=True):
            digits = (f"{p:.5f}" for p in row)
            known = (t.key, t.set, t.genre, t.artist, t.title, t.group, t.second)
            writer.writerow([*known, *digits])


def read_predictions(path: Path) -> Predictions:
    """A file of predictions; raises DataError where it is none."""
    try:
        with _opened(path) as file:
            header, *rows = [row for row in csv.reader(file) if any(row)] or [[]]
        start = next(n for n in (7, 5, 3, 0) if header[:n] == _KNOWN[:n])
        if header[: len(_NEEDED)] != _NEEDED or not rows or len(header) < start + 2:
            raise ValueError(f"its columns must be {', '.join(_KNOWN)} and two labels or more")
        for number, row in enumerate(rows, 2):
            if len(row) != len(header):
                raise ValueError(f"row {number} has {len(row)} cells, the header {len(header)}")
        keys, labels = tuple(row[0] for row in rows), tuple(header[start:])
        for what, names in (("key", keys), ("label", labels)):
            if len(set(names)) != len(names):
                raise ValueError(f"a {what} stands there twice")
        genres = tuple(row[2] for row in rows)
        if unknown := set(genres) - set(labels):
            raise ValueError(f"no column for genre {', '.join(sorted(unknown))}")
        probabilities = np.array([[float(p) for p in row[start:]] for row in rows])
        # Not a number is neither above nor below.
        wrong = ~((probabilities >= 0) & (probabilities <= 1)).all(1)
        if wrong.any():
            raise ValueError(f"row {wrong.argmax() + 2} holds what is no probability from 0 to 1")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; `evaluate` writes predictions") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: no file of predictions: is not UTF-8 text") from None
    except (ValueError, csv.Error, EOFError, zlib.error) as error:
        raise DataError(f"{path}: no file of predictions: {error}") from None
    sets = tuple(row[1] for row in rows)
    groups, seconds = (
        tuple(row[column] for row in rows) if start > column else () for column in (5, 6)
    )
    return Predictions(keys, sets, genres, labels, probabilities, groups, seconds)


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", newline="", encoding="utf-8-sig")
    return path.open(newline="", encoding="utf-8-sig")


def recompute(path: Path) -> dict[str, Any]:
    """The per-track figures ("track_mean") from a file of predictions."""
    read = read_predictions(path)
    if not read.groups:
        return figures(read.probabilities, read.true)
    second = [read.labels.index(name) if name in read.labels else -1 for name in read.seconds]
    groups = np.unique(read.groups, return_inverse=True)[1]
    return track_figures(read.probabilities, read.true, np.array(second), groups)
