"""Learning curves of a run: CSV, TensorBoard, and a progress bar.

The loggers of Lightning are not used: a resumed run has to remove the rows that were written after
its checkpoint, or they would occur twice.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from streamgenre.files import replace_bytes

from ..data import DataError

Row = Mapping[str, float | str]


class Log:
    """Writes a row per check to `log.csv` and the event files of TensorBoard.

    Without a folder (in all processes but the first) nothing is written or shown.
    """

    def __init__(self, folder: Path | None, update: int, total: int) -> None:
        self._folder, self._begun, self._total = folder, update, total
        self._rows: list[dict[str, float | str]] = []
        console = Console(stderr=True)
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[loss]}"),
            console=console,
            disable=folder is None or not console.is_terminal,
        )
        self._task = self._progress.add_task("training", total=total, completed=update, loss="")
        if folder is None:
            return
        from torch.utils.tensorboard.writer import SummaryWriter

        self._path = folder / "log.csv"
        if self._path.is_file():
            try:
                with self._path.open(newline="") as file:
                    self._rows = [r for r in csv.DictReader(file) if int(r["update"]) <= update]
            except (KeyError, TypeError, ValueError):
                raise DataError(f"{self._path}: was modified; move it away to resume") from None
        # TensorBoard drops everything after `purge_step`, for the same reason.
        self._board: Any = SummaryWriter(str(folder / "tensorboard"), purge_step=update + 1)  # type: ignore[no-untyped-call]

    def __enter__(self) -> Log:
        if self._folder is not None and self._begun:
            self._console.print(f"resuming from update {self._begun}", highlight=False)
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()
        if self._folder is not None:
            self._board.close()

    def step(self, update: int, stage: str, loss: float) -> None:
        """Report the loss of an update."""
        self._progress.update(
            self._task, completed=update, description=stage, loss=f"loss {loss:.3f}"
        )

    def row(self, row: Row) -> None:
        """Write the row of a check. The file is complete after every row."""
        if self._folder is None:
            return
        self._rows.append(dict(row))
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(row))
        writer.writeheader()
        writer.writerows(self._rows)
        replace_bytes(self._path, text.getvalue().encode())
        for name, value in row.items():
            if isinstance(value, float):
                self._board.add_scalar(name, value, int(row["update"]))
        self._board.flush()
        measured = ", ".join(
            f"{name.removeprefix('valid_').replace('_', ' ')} {value:.3f}"
            for name, value in row.items()
            if name.startswith("valid_")
        )
        message = (
            f"update {row['update']} of {self._total}  loss {row['loss']:.3f}  valid: {measured}"
        )
        self._console.print(message, highlight=False, soft_wrap=True)
