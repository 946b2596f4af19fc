"""Live updates as lines: JSON on standard output or in a rotated log, or text on each change."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from logging import LogRecord, makeLogRecord
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, TextIO

from ...errors import OutputError, reason
from ...model.card import ModelCard
from ...update import Update
from ..ribbon import decision_text
from ..timeline.json import dumps, utc

LOG_FILES = 5
"""Number of older files to keep; FILE.1 is the most recent of them."""
LOG_MEGABYTES = 180
"""Total size of all files: a day at the shortest hop, even if the oldest was just deleted."""


def live_entries(update: Update, at: datetime, source: str) -> dict[str, Any]:
    """A live update for JSON, with the name of the input, the local time and UTC."""
    return {
        "input": source,
        "at": at.isoformat(timespec="milliseconds"),
        "time": 0.0,
        "clock": utc(at),
        **update.to_dict(),
    }


def live_line(update: Update, at: datetime, source: str) -> str:
    """`live_entries` as one line of JSON."""
    return dumps(live_entries(update, at, source)) + "\n"


class JsonLines:
    """A Sink that writes each update as a line of JSON and flushes. `close` keeps the file open."""

    def __init__(self, file: TextIO) -> None:
        self.name = "jsonl"
        self._file = file

    def __call__(self, update: Update, at: datetime, source: str) -> None:
        self._file.write(live_line(update, at, source))
        self._file.flush()

    def close(self) -> None:
        self._file.flush()


class Log:
    """A Sink that appends each update as a line of JSON to a file, which is rotated by size.

    `size`: total bytes of the file and LOG_FILES older ones. Raises OutputError if the file
    cannot be written.
    """

    def __init__(self, path: str | Path, size: int = LOG_MEGABYTES * 1_000_000) -> None:
        self.name = f"log {path}"
        self._path = Path(path)
        if self._path.is_fifo():  # opening it would wait for a reader
            raise OutputError(f"{path}: is a named pipe; use --format jsonl for pipes")
        try:
            end_last_line(self._path)
            self._file = _Rotated(
                path,
                maxBytes=size // (LOG_FILES + 1),
                backupCount=LOG_FILES,
                encoding="utf-8",
                errors="replace",
            )
        except OSError as error:
            raise OutputError(
                f"{path}: {reason(error)}; choose a file in a writable folder"
            ) from None

    def __call__(self, update: Update, at: datetime, source: str) -> None:
        line = live_line(update, at, source).rstrip("\n")
        try:
            if self._file.stream is None:
                end_last_line(self._path)
            self._file.emit(makeLogRecord({"msg": line}))
        except OSError:
            self._file.reset()
            raise

    def close(self) -> None:
        self._file.close()


class _Rotated(RotatingFileHandler):
    """A handler that is used without a logger and raises errors."""

    def handleError(self, record: LogRecord) -> None:  # noqa: N802
        raise  # called while the error is being handled

    def reset(self) -> None:
        """Close the file after an error. The next line reopens it."""
        if self.stream is not None:
            with suppress(OSError):
                self.stream.close()
            self.stream = None  # type: ignore[assignment]


def end_last_line(path: Path) -> None:
    """End a line that a full disk or a killed process truncated."""
    if not path.is_file() or not path.stat().st_size:
        return
    with path.open("rb+") as file:
        file.seek(-1, 2)
        if file.read(1) != b"\n":
            file.write(b"\n")


class Changes:
    """A Sink that writes a line such as "2026-05-01 20:15:03  Jazz 83%" on each change."""

    name = "changes"

    def __init__(self, file: TextIO, card: ModelCard) -> None:
        self._file, self._card = file, card
        self._last: tuple[str, str | None] | None = None

    def __call__(self, update: Update, at: datetime, source: str) -> None:
        decision = update.status, update.genre
        if decision == self._last:
            return
        line = f"{at:%Y-%m-%d %H:%M:%S}  {decision_text(self._card, update)}"
        if update.genre == update.top:  # otherwise the confidence is of another label
            line += f" {update.confidence:.0%}"
        self._file.write(line + "\n")
        self._file.flush()
        self._last = decision

    def close(self) -> None:
        """Do nothing; the file stays open."""
