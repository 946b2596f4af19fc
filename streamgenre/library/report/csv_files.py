"""Write a report as CSV files, one per table."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from ...errors import OutputError, reason
from ...files import text_replacement
from .tables import Report


def write_csv_files(folder: str | os.PathLike[str], report: Report) -> None:
    """Write each table as NAME.csv to a folder. Each file is replaced atomically.

    The folder is created if it does not exist. Raises OutputError.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be created: {reason(error)}") from None
    for table in report.tables:
        with text_replacement(Path(folder, f"{table.name}.csv")) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([column.name for column in table.columns])
            writer.writerows(table.rows)
