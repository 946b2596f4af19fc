"""The predictions behind the published figures, as CSV, and the figures from them again.

Columns: key, set, genre, artist, title, group, genre2, then the probability of each label (mean
over the track's steps, five digits). Files with the first three of them alone are read, too, and
what a spreadsheet program makes of them (a byte-order mark, empty lines at the end), and gzipped
ones (.gz). A table of several runs has the column `run` before the others, and probabilities as
whole numbers of 1 / 100,000; one run of it is named `TABLE.csv.gz:RUN`.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamgenre.files import replace_bytes

from ..data.record import DataError, Track
from .metrics import Floats, TrackMetrics, plain_metrics, track_metrics

_RUN = "run"
_UNITS = 100_000  # the digits that are written, as whole numbers: a tenth less to compress
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
    """One row a track, the mean of its steps; gzipped where the path ends in .gz."""
    rows = [[*_KNOWN, *labels]]
    for t, row in zip(tracks, probabilities, strict=True):
        known = (t.key, t.set, t.genre, t.artist, t.title, t.group, t.second)
        rows.append([*known, *(f"{p:.5f}" for p in row)])
    _write(path, rows)


def pack(runs: Mapping[str, Path], table: Path) -> None:
    """Write the predictions of several runs as one table, a track's rows one after the other.

    What a run does not know of its tracks (artist, title) is left empty. Raises DataError where the
    runs have not the same labels.
    """
    labels: set[tuple[str, ...]] = set()
    of_track: dict[str, list[list[str]]] = {}
    for run, path in runs.items():
        header, *rows = _rows(path)
        start = _known(header)
        labels.add(tuple(header[start:]))
        unknown = [""] * (len(_KNOWN) - start)
        for row in rows:
            units = (str(round(float(p) * _UNITS)) for p in row[start:])
            of_track.setdefault(row[0], []).append([run, *row[:start], *unknown, *units])
    if len(labels) != 1:
        raise DataError(f"{table}: its runs have not the same labels; pack them apart")
    header = [_RUN, *_KNOWN, *labels.pop()]
    _write(table, [header, *(row for rows in of_track.values() for row in rows)])


def _known(header: Sequence[str]) -> int:
    """Number of columns before those of the labels."""
    return next(n for n in (7, 5, 3, 0) if header[:n] == _KNOWN[:n])


def runs_of(table: Path) -> frozenset[str]:
    """Names of the runs of a table."""
    return frozenset(_runs(table, table.stat().st_mtime_ns))


def _write(path: Path, rows: Iterable[Sequence[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    data = text.getvalue().encode()
    # Without a time inside: the same predictions give the same bytes.
    replace_bytes(path, gzip.compress(data, 9, mtime=0) if path.suffix == ".gz" else data)


def read_predictions(path: Path) -> Predictions:
    """A file of predictions; raises DataError where it is none."""
    try:
        header, *rows = _rows(path)
        start = _known(header)
        if header[: len(_NEEDED)] != _NEEDED or not rows or len(header) < start + 2:
            raise ValueError(f"its columns must be {', '.join(_KNOWN)} and two labels or more")
        for number, row in enumerate(rows, 2):
            if len(row) != len(header):
                raise ValueError(f"row {number} has {len(row)} cells, the header {len(header)}")
        keys, labels = tuple(row[0] for row in rows), tuple(header[start:])
        for what, names in (("key", keys), ("label", labels)):
            if len(set(names)) != len(names):
                raise ValueError(f"two rows or columns have the same {what}")
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
    groups = groups if any(groups) else ()
    return Predictions(keys, sets, genres, labels, probabilities, groups, seconds)


def _rows(path: Path) -> list[list[str]]:
    """Header and rows of a file, or of one run of a table."""
    name, colon, run = str(path).rpartition(":")
    if colon and not path.exists() and (table := Path(name)).is_file():
        runs = _runs(table, table.stat().st_mtime_ns)
        if run not in runs:
            raise ValueError(f"no run of that name; it has {', '.join(sorted(runs))}")
        header, *rows = runs[run]
        known = len(_KNOWN)
        return [
            header,
            *([*row[:known], *(f"{int(p) / _UNITS:.5f}" for p in row[known:])] for row in rows),
        ]
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file) if any(row)] or [[]]
    if rows[0][:1] == [_RUN]:
        raise ValueError(f"a table of several runs; name one, {path}:RUN")
    return rows


@lru_cache(maxsize=2)
def _runs(table: Path, written: int) -> dict[str, list[list[str]]]:
    """Run -> header and rows; `written` is the time of the file."""
    runs: dict[str, list[list[str]]] = {}
    with gzip.open(table, "rt", newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    for run, *row in rows:
        runs.setdefault(run, [header[1:]]).append(row)
    return runs


def recompute(path: Path) -> TrackMetrics:
    """The metrics of tracks ("track_mean") from a file of predictions."""
    read = read_predictions(path)
    if not read.groups:
        return plain_metrics(read.probabilities, read.true)
    second = [read.labels.index(name) if name in read.labels else -1 for name in read.seconds]
    groups = np.unique(read.groups, return_inverse=True)[1]
    return track_metrics(read.probabilities, read.true, np.array(second), groups)
