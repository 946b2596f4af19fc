"""Reader for the tables of data sets: comma- or tab-separated, with one header row.

A missing, truncated or malformed table raises a DataError of one line.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator
from pathlib import Path

from .record import DataError


def rows(
    path: Path, needed: Collection[str], *, remedy: str, delimiter: str = ","
) -> Iterator[dict[str, str]]:
    """Yield each row by column name; `remedy` tells where to get a missing file."""
    try:
        # Spreadsheet programs put a byte order mark before the name of the first column.
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
                    continue  # spreadsheet programs leave a blank line at the end
                if None in row or None in row.values():
                    raise DataError(
                        f"{path}: line {reader.line_num} has more or fewer fields than the header; "
                        "correct the line"
                    )
                empty = False
                yield row
            if empty:
                raise DataError(f"{path}: has no rows; {remedy}")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; {remedy}") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as a table: {error}; {remedy}") from None
