"""A report as CSV files: one for each table, by its name."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from ...errors import OutputError, reason
from ...files import text_replacement
from .tables import Report


def write_csv_files(folder: str | os.PathLike[str], report: Report) -> None:
    """Write `genres.csv` and so on into a folder, which is made; each file is replaced atomically.

    Raises OutputError.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {reason(error)}") from None
    for table in report.tables:
        with text_replacement(Path(folder, f"{table.name}.csv")) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([column.name for column in table.columns])
            writer.writerows(table.rows)
