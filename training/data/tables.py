"""Rows of the tables that data sets come with: comma- or tab-separated, with one header row.

A table that is absent, cut off or of another kind is refused in one line, before anything else.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator
from pathlib import Path

from .record import DataError


def rows(
    path: Path, needed: Collection[str], *, remedy: str, delimiter: str = ","
) -> Iterator[dict[str, str]]:
    """Each row by column name; `remedy` says where the file comes from, should it be absent."""
    try:
        # A byte order mark is what spreadsheet programs put before the first column's name.
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, delimiter=delimiter)
            reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
            missing = sorted(set(needed) - set(reader.fieldnames or ()))
            if missing:
                raise DataError(
                    f"{path}: missing columns: {', '.join(missing)}; it needs {', '.join(needed)}"
                )
            empty = True
            for row in reader:
                if not any("".join(cell or ()).strip() for cell in row.values()):
                    continue  # a blank line, as spreadsheet programs leave at the end
                if None in row or None in row.values():
                    raise DataError(
                        f"{path}: line {reader.line_num} has more or fewer fields than the header; "
                        "mend the line"
                    )
                empty = False
                yield row
            if empty:
                raise DataError(f"{path}: holds no rows; {remedy}")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; {remedy}") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as a table: {error}; {remedy}") from None
