"""Live updates as JSON lines: on standard output, and in a log that is rotated."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from logging import LogRecord, makeLogRecord
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, TextIO

from ...errors import StreamgenreError
from ...model.card import ModelCard
from ...timeline import update_to_dict
from ...update import Update
from ..ribbon import in_words
from ..timeline.json import dumps
from .background import reason

LOG_BYTES = 10_000_000
LOG_FILES = 5
"""Older files kept beside the one that is written: FILE.1 is the youngest of them."""


def live_entries(update: Update, at: datetime, source: str) -> dict[str, Any]:
    """A live update as JSON has it: what is listened to, when, and what was decided."""
    return {
        "input": source,
        "at": at.isoformat(timespec="milliseconds"),
        **update_to_dict(update),
    }


def live_line(update: Update, at: datetime, source: str) -> str:
    """`live_entries` as a line of JSON."""
    return dumps(live_entries(update, at, source)) + "\n"


class LinesSink:
    """A Sink: each update as one line of a text file, out at once. `close` leaves it open."""

    def __init__(self, file: TextIO) -> None:
        self.name = "jsonl"
        self._file = file

    def __call__(self, update: Update, at: datetime, source: str) -> None:
        self._file.write(live_line(update, at, source))
        self._file.flush()

    def close(self) -> None:
        self._file.flush()


class LogSink:
    """A Sink: each update as one line at the end of a file, which is rotated when it is long.

    Raises StreamgenreError where the file cannot be written.
    """

    def __init__(self, path: str | Path) -> None:
        self.name = f"log {path}"
        self._path = Path(path)
        if self._path.is_fifo():  # opening it would wait for a reader
            raise StreamgenreError(f"--log {path}: is a named pipe; use --format jsonl for one")
        try:
            _end_last_line(self._path)
            self._file = _Rotated(
                path, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8", errors="replace"
            )
        except OSError as error:
            raise StreamgenreError(
                f"--log {path}: {reason(error)}; name a file in a folder that can be written to"
            ) from None

    def __call__(self, update: Update, at: datetime, source: str) -> None:
        line = live_line(update, at, source).rstrip("\n")
        try:
            if self._file.stream is None:
                _end_last_line(self._path)
            self._file.emit(makeLogRecord({"msg": line}))
        except OSError:
            self._file.forget()
            raise

    def close(self) -> None:
        self._file.close()


class _Rotated(RotatingFileHandler):
    """Outside of logging's tree: it takes updates only, and what fails is raised."""

    def handleError(self, record: LogRecord) -> None:  # noqa: N802
        raise  # called while the error is handled

    def forget(self) -> None:
        """Close the file with what could not be written; the next line opens it again."""
        if self.stream is not None:
            with suppress(OSError):
                self.stream.close()
            self.stream = None  # type: ignore[assignment]


def _end_last_line(path: Path) -> None:
    """A line cut off by a full disk or a killed process must not swallow the next one."""
    if not path.is_file() or not path.stat().st_size:
        return
    with path.open("rb+") as file:
        file.seek(-1, 2)
        if file.read(1) != b"\n":
            file.write(b"\n")


class Changes:
    """See sink.Sink. Writes "2026-05-01 20:15:03  Jazz 83 %" to a text file, flushed."""

    name = "changes"

    def __init__(self, file: TextIO, card: ModelCard) -> None:
        self._file, self._card = file, card
        self._last: tuple[str, str | None] | None = None

    def __call__(self, update: Update, at: datetime, source: str) -> None:
        """See sink.Sink."""
        decision = update.status, update.genre
        if decision == self._last:
            return
        line = f"{at:%Y-%m-%d %H:%M:%S}  {in_words(self._card, update)}"
        if update.genre == update.top:  # a genre that is held has lost the lead
            line += f" {update.confidence:.0%}"
        self._file.write(line + "\n")
        self._file.flush()
        self._last = decision

    def close(self) -> None:
        """Nothing is left to do."""
