"""The curves of a run: CSV, TensorBoard, and rich progress with the time left.

The CSV is written here rather than by a logger of Lightning's: a run that goes on after a break
must take back the rows that its checkpoint does not know of, or the curve would run twice.
"""

from __future__ import annotations

import csv
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

from ..data import DataError

Row = Mapping[str, float | str]


class Log:
    """Rows to `log.csv` and TensorBoard's event files in a folder, one every check.

    Without a folder (a process beside the first) nothing is written or shown.
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
                raise DataError(f"{self._path}: was changed; move it away to go on") from None
        # TensorBoard drops what was written after `purge_step`, for the same reason.
        self._board: Any = SummaryWriter(str(folder / "tensorboard"), purge_step=update + 1)  # type: ignore[no-untyped-call]

    def __enter__(self) -> Log:
        if self._folder is not None and self._begun:
            self._console.print(f"going on from update {self._begun}", highlight=False)
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
        """An update is done."""
        self._progress.update(
            self._task, completed=update, description=stage, loss=f"loss {loss:.3f}"
        )

    def row(self, row: Row) -> None:
        """A check is done; the file is whole after every row."""
        if self._folder is None:
            return
        self._rows.append(dict(row))
        partial = self._path.with_suffix(".partial")
        with partial.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            writer.writeheader()
            writer.writerows(self._rows)
        partial.replace(self._path)
        for name, value in row.items():
            if isinstance(value, float):
                self._board.add_scalar(name, value, int(row["update"]))
        self._board.flush()
        measured = ", ".join(
            f"{name.removeprefix('valid_').replace('_', ' ')} {value:.3f}"
            for name, value in row.items()
            if name.startswith("valid_")
        )
        said = f"update {row['update']} of {self._total}  loss {row['loss']:.3f}  valid: {measured}"
        self._console.print(said, highlight=False, soft_wrap=True)
