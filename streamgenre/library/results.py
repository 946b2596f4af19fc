"""Read and write the results of a scan as Parquet, CSV or JSON lines.

All formats have the same columns. `styles` and `segments` are JSON in CSV, and a map and a list in
Parquet.
"""

from __future__ import annotations

import csv
import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import ConfigError, InputError, reason
from ..extras import install_command
from ..files import replacement, text_replacement
from ..parse import parse_json
from .corrections import read_corrections
from .row import NESTED, PROBABILITY, REAL, TEXT, WHOLE, Row, columns

if TYPE_CHECKING:
    import pandas

FORMATS = (".parquet", ".csv", ".jsonl")
_ROW_GROUP = 10_000
_MAX_FIELD = 1 << 30  # characters
_limit_changes = threading.Lock()
_Parsed = TypeVar("_Parsed")
_CORRECTED = "corrected"  # tables of earlier versions do not have this column


def check_format(path: str | os.PathLike[str]) -> str:
    """The extension of a results file. Raises ConfigError if it is unknown or needs pyarrow."""
    extension = Path(path).suffix.lower()
    if extension not in FORMATS:
        known = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        raise ConfigError(f"{path}: the extension of results must be {known}")
    if extension == ".parquet":
        _pyarrow(path)
    return extension


def write_results(path: str | os.PathLike[str], rows: Iterable[Row], labels: Sequence[str]) -> None:
    """Write rows to a file atomically. Raises ConfigError and OutputError."""
    _WRITERS[check_format(path)](path, rows, labels)


def _write_csv(path: str | os.PathLike[str], rows: Iterable[Row], labels: Sequence[str]) -> None:
    with text_replacement(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns(labels))
        for row in rows:
            record = row.to_dict(labels)
            for name in NESTED:
                if record[name] is not None:
                    record[name] = json.dumps(record[name], ensure_ascii=False, allow_nan=False)
            writer.writerow(record.values())


def _write_jsonl(path: str | os.PathLike[str], rows: Iterable[Row], labels: Sequence[str]) -> None:
    with replacement(path) as partial, partial.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row.to_dict(labels), ensure_ascii=False, allow_nan=False) + "\n")


def _write_parquet(
    path: str | os.PathLike[str], rows: Iterable[Row], labels: Sequence[str]
) -> None:
    pa, parquet = _pyarrow(path), _parquet()
    segment = pa.struct(
        [
            ("start", pa.float64()),
            ("end", pa.float64()),
            ("status", pa.string()),
            ("genre", pa.string()),
            ("confidence", pa.float64()),
        ]
    )
    kinds = {
        **dict.fromkeys(TEXT, pa.string()),
        **dict.fromkeys(WHOLE, pa.int64()),
        "styles": pa.map_(pa.string(), pa.float64()),
        "segments": pa.list_(segment),
    }
    schema = pa.schema([(name, kinds.get(name, pa.float64())) for name in columns(labels)])
    rows = iter(rows)
    with (
        replacement(path) as partial,
        parquet.ParquetWriter(partial, schema, compression="zstd") as writer,
    ):
        while group := [_for_arrow(row.to_dict(labels)) for row in islice(rows, _ROW_GROUP)]:
            writer.write_table(pa.Table.from_pylist(group, schema=schema))


def _for_arrow(record: dict[str, Any]) -> dict[str, Any]:
    styles = record["styles"]
    return record | {"styles": None if styles is None else list(styles.items())}


_WRITERS: dict[str, Callable[[str | os.PathLike[str], Iterable[Row], Sequence[str]], None]] = {
    ".parquet": _write_parquet,
    ".csv": _write_csv,
    ".jsonl": _write_jsonl,
}


def update_corrected(path: str | os.PathLike[str]) -> None:
    """Update the column `corrected` of a results file from its corrections file, atomically.

    A table with additional columns is not changed, because they would be lost.
    """
    results = read_results(path)
    labels = results.labels
    if {*results.columns} <= {*columns(labels)}:
        write_results(path, results, labels)


class Results:
    """The rows of a results file. Iteration reads one row at a time.

    The values of `corrected` come from the corrections file if there is one, so they are up to date
    even if it changed after the scan.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._format = check_format(path)

    def __iter__(self) -> Iterator[Row]:
        with _readable(self.path):
            yield from map(Row.of, self._records())

    def __len__(self) -> int:
        if self._format == ".parquet":
            with _readable(self.path):
                return int(_parquet().read_metadata(self.path).num_rows)
        return sum(1 for _ in self._stored())

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        if self._format == ".parquet":
            with _readable(self.path):
                names = list(_parquet().read_schema(self.path).names)
                _check(names)
        else:
            first = next(self._stored(), None)
            names = columns(()) if first is None else [*first]
        if _CORRECTED not in names:
            names.insert(names.index("genre") + 1, _CORRECTED)
        return names

    @property
    def labels(self) -> list[str]:
        """The labels of the model, in order."""
        return [
            name.removeprefix(PROBABILITY) for name in self.columns if name.startswith(PROBABILITY)
        ]

    def to_pandas(self) -> pandas.DataFrame:
        """All rows as a data frame. Raises ConfigError if pandas is not installed."""
        try:
            import pandas
        except ImportError:
            raise ConfigError("to_pandas needs pandas; run pip install pandas") from None
        frame = pandas.DataFrame.from_records(list(self._records()), columns=self.columns)
        whole = dict.fromkeys(WHOLE, "Int64")
        real = {
            name: "float64"
            for name in frame.columns
            if name in REAL or name.startswith(PROBABILITY)
        }
        return frame.astype(whole | real)

    def _records(self) -> Iterator[dict[str, Any]]:
        corrections = read_corrections(self.path)
        for record in self._stored():
            record.setdefault(_CORRECTED, None)
            if corrections is not None:
                tags = {name: record[name] for name in ("artist", "album")}
                record[_CORRECTED] = corrections.genre_of(Row(record["path"], None, None, **tags))
            yield record

    def _stored(self) -> Iterator[dict[str, Any]]:
        with _readable(self.path):
            yield from _READERS[self._format](self.path)


class _readable:  # noqa: N801  # read as a statement
    """Converts errors of missing or damaged files to InputError."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, FileNotFoundError):
            raise InputError(f"{self._path}: no such file; check the path") from None
        if isinstance(error, (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error)):
            why = reason(error) if isinstance(error, OSError) else "it is not the table of a scan"
            raise InputError(f"{self._path}: cannot be read: {why}") from None


def _check(names: Iterable[str]) -> None:
    """Raise ValueError if columns of results are missing."""
    if not {*columns(())} - {_CORRECTED} <= {*names}:
        raise ValueError("columns are missing")


def _read_csv(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as file:
        records = csv.DictReader(file, strict=True)
        _check(_with_long_fields(lambda: records.fieldnames or ()))
        while (record := _with_long_fields(lambda: next(records, None))) is not None:
            yield {name: _value(name, text) for name, text in record.items()}


def _with_long_fields(parse: Callable[[], _Parsed]) -> _Parsed:
    """Call a function that parses CSV with a limit that the segments of long recordings meet.

    The limit of the csv module is global, so it is restored for other code of the process.
    """
    with _limit_changes:
        limit = csv.field_size_limit(_MAX_FIELD)
        try:
            return parse()
        finally:
            csv.field_size_limit(limit)


def _value(name: str, text: str) -> Any:
    if text == "":
        return "" if name == "model" else None
    if name in TEXT:
        return text
    if name in NESTED:
        return parse_json(text)
    return int(text) if name in WHOLE else float(text)


def _read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            record = parse_json(line)
            _check(record)
            yield record


def _read_parquet(path: Path) -> Iterator[dict[str, Any]]:
    with _parquet().ParquetFile(path) as file:
        _check(file.schema_arrow.names)
        for batch in file.iter_batches(_ROW_GROUP):
            for record in batch.to_pylist():
                styles = record["styles"]
                yield record | {"styles": None if styles is None else dict(styles)}


_READERS: dict[str, Callable[[Path], Iterator[dict[str, Any]]]] = {
    ".parquet": _read_parquet,
    ".csv": _read_csv,
    ".jsonl": _read_jsonl,
}


def read_results(path: str | os.PathLike[str]) -> Results:
    """Open the results of a scan: an iterable of Row with `columns`, `len()` and `to_pandas()`.

    Raises InputError if the file cannot be read, and ConfigError if its extension is not in FORMATS
    or if pyarrow is missing for Parquet.
    """
    file = Path(path)
    results = Results(file)
    with _readable(file):
        file.open("rb").close()
    return results


def _pyarrow(path: str | os.PathLike[str]) -> Any:
    try:
        return import_module("pyarrow")
    except ImportError:
        raise ConfigError(
            f"{path}: Parquet needs pyarrow: {install_command('library')}; or use the extension "
            ".csv or .jsonl"
        ) from None


def _parquet() -> Any:
    return import_module("pyarrow.parquet")
