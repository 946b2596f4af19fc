"""The journal of a scan: an SQLite file with all listed files and their rows.

A row is reused if path, size, modification time, model and hop are unchanged. Every row is
committed immediately, so a killed scan loses only the files in progress.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from ..errors import OutputError, reason
from ..forks import Owner
from ..parse import parse_json
from .row import LibraryFile, Row, Unlisted
from .tagging.record import Record

JOURNAL = ".journal"
"""Suffix of the journal of a results file."""
_FORMAT = 1
_APPLICATION = 0x53474A31  # "SGJ1", in SQLite's header
_TABLES = """
CREATE TABLE IF NOT EXISTS runs (number INTEGER PRIMARY KEY AUTOINCREMENT);
CREATE TABLE IF NOT EXISTS files (
    path BLOB PRIMARY KEY,  -- raw bytes
    size INTEGER,           -- bytes; NULL: not found
    modified INTEGER,       -- ns since the epoch
    run INTEGER NOT NULL,   -- the last run that listed it
    failed INTEGER,
    made_with TEXT,         -- model and hop of the row; NULL: no row yet
    row TEXT                -- JSON
);
CREATE TEMP TABLE waiting (
    number INTEGER PRIMARY KEY, path BLOB NOT NULL, size INTEGER NOT NULL, modified INTEGER NOT NULL
);
CREATE TEMP TABLE tagged (  -- states of files before and after their tags were written
    path BLOB, size INTEGER, modified INTEGER,
    chain INTEGER NOT NULL,  -- states with the same number have the same audio
    tag_genre TEXT,          -- before the first write
    PRIMARY KEY (path, size, modified)
);
"""
_AHEAD = 256  # waiting files fetched at a time
_inherited: list[sqlite3.Connection] = []  # in a forked process: closing them removes the log


class _DamagedError(sqlite3.Error):
    """A row cannot be read."""


class _OtherFileError(sqlite3.Error):
    """A database of another program."""


class Journal:
    """An open journal for one run. It is a context manager and not thread-safe.

    Args:
        path: the file; None uses a temporary file.
        made_with: identifies the model and the settings that rows depend on.
        refresh: discard all rows.
        retry_failed: discard rows with an error.

    Raises OutputError if the file cannot be used.
    """

    def __init__(
        self,
        path: Path | None,
        made_with: str,
        refresh: bool = False,
        retry_failed: bool = False,
    ) -> None:
        self.path, self._made_with = path, made_with
        self._owner = Owner("the journal")
        self._retry_failed = retry_failed
        self._ahead: deque[LibraryFile] = deque()
        try:
            self._open(path, refresh)
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            raise OutputError(f"{path}: {_reason(error)}") from None

    def _open(self, path: Path | None, refresh: bool) -> None:
        self._db = sqlite3.connect("" if path is None else path, isolation_level=None, timeout=0.1)
        try:
            # Only one process at a time. This also enables write-ahead logging on network drives.
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            (application,) = self._db.execute("PRAGMA application_id").fetchone()
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            (tables,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if tables and (application, version) != (_APPLICATION, _FORMAT):
                raise _OtherFileError
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute(f"PRAGMA application_id = {_APPLICATION}")
            self._db.execute(f"PRAGMA user_version = {_FORMAT}")
            self._db.executescript(_TABLES)
            if refresh:
                self._db.execute("DELETE FROM files")
            self._run = self._db.execute("INSERT INTO runs DEFAULT VALUES").lastrowid
        except BaseException:
            self._db.close()
            raise

    def add(self, files: Iterable[LibraryFile]) -> list[tuple[LibraryFile, Row | None]]:
        """Add listed files. Returns each new one with its row, or None if it has no row yet."""
        taken: list[tuple[LibraryFile, Row | None]] = []
        with _transaction(self._db):
            for file in files:
                path = os.fsencode(file.path)
                known = self._db.execute(
                    "SELECT size, modified, run, failed, made_with, row FROM files WHERE path = ?",
                    (path,),
                ).fetchone()
                if known is not None and known[2] == self._run:
                    continue  # listed twice
                same = known is not None and self._same_audio(file, known[0], known[1])
                same = same and not (known[3] and self._retry_failed)
                row = _parsed(known[5]) if same and known[4] == self._made_with else None
                if row is not None:
                    self._db.execute("UPDATE files SET run = ? WHERE path = ?", (self._run, path))
                    if known[:2] != (file.size, file.modified):
                        row = self._row_after_tagging(file, row)
                    taken.append((file, row))
                    continue
                self._put(file, None)
                self._db.execute(
                    "INSERT INTO waiting (path, size, modified) VALUES (?, ?, ?)",
                    (path, file.size, file.modified),
                )
                taken.append((file, None))
        return taken

    def add_tag_writes(self, records: Iterable[Record]) -> None:
        """Add records of written tags. The rows of these files remain valid."""
        with _transaction(self._db):
            for number, record in enumerate(records):
                path, before, after = os.fsencode(record.path), record.before, record.after
                known = self._db.execute(
                    "SELECT chain FROM tagged WHERE (path, size, modified) = (?, ?, ?)",
                    (path, before.size, before.modified),
                ).fetchone()
                chain = number if known is None else known[0]
                self._db.executemany(
                    "INSERT OR REPLACE INTO tagged VALUES (?, ?, ?, ?, ?)",
                    [
                        (path, state.size, state.modified, chain, record.tag_genre)
                        for state in (before, after)
                    ],
                )

    def _same_audio(self, file: LibraryFile, size: int | None, modified: int | None) -> bool:
        """Whether a file is unchanged except for its genre tag."""
        if (size, modified) == (file.size, file.modified):
            return True
        return bool(
            self._db.execute(
                "SELECT 1 FROM tagged AS old JOIN tagged AS new USING (path, chain) WHERE path = ?"
                " AND (old.size, old.modified) = (?, ?) AND (new.size, new.modified) = (?, ?)",
                (_resolved(file), size, modified, file.size, file.modified),
            ).fetchone()
        )

    def _row_after_tagging(self, file: LibraryFile, row: Row) -> Row:
        """Update the size and time in the row of a file whose genre tag was written."""
        row = replace(row, size=file.size, mtime=file.modified / 1e9)
        self._db.execute(
            "UPDATE files SET size = ?, modified = ?, row = ? WHERE path = ?",
            (
                file.size,
                file.modified,
                json.dumps(row.to_dict(tuple(row.probabilities or ())), allow_nan=False),
                os.fsencode(file.path),
            ),
        )
        return row

    def with_original_genre(self, file: LibraryFile, row: Row) -> Row:
        """The row with `tag_genre` as it was before tags were written."""
        found = self._db.execute(
            "SELECT tag_genre FROM tagged WHERE (path, size, modified) = (?, ?, ?)",
            (_resolved(file), file.size, file.modified),
        ).fetchone()
        return row if found is None else replace(row, tag_genre=found[0])

    def next_waiting(self) -> LibraryFile | None:
        """Return the next file without a row, or None. Each file is returned once per run."""
        if not self._ahead:
            rows = self._db.execute(
                "SELECT number, path, size, modified FROM waiting ORDER BY number LIMIT ?",
                (_AHEAD,),
            ).fetchall()
            self._ahead.extend(LibraryFile(os.fsdecode(p), s, m) for _, p, s, m in rows)
            if rows:  # SQLite restarts the numbers when the table is empty
                self._db.execute("DELETE FROM waiting WHERE number <= ?", (rows[-1][0],))
        return self._ahead.popleft() if self._ahead else None

    def put(self, file: LibraryFile | Unlisted, row: Row, labels: tuple[str, ...]) -> None:
        """Store the row of a file."""
        self._put(file, json.dumps(row.to_dict(labels), allow_nan=False), row.error is not None)

    def _put(self, file: LibraryFile | Unlisted, row: str | None, failed: bool = False) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                os.fsencode(file.path),
                file.size if isinstance(file, LibraryFile) else None,
                file.modified if isinstance(file, LibraryFile) else None,
                self._run,
                failed,
                None if row is None else self._made_with,
                row,
            ),
        )

    def rows(self) -> Iterator[Row]:
        """Yield the rows of all files listed in this run, sorted by path."""
        for (row,) in self._db.execute(
            "SELECT row FROM files WHERE run = ? AND row IS NOT NULL ORDER BY path", (self._run,)
        ):
            if (parsed := _parsed(row)) is None:
                raise _DamagedError
            yield parsed

    def close(self) -> None:
        """Close the file, except in a forked process, where SQLite must not touch it."""
        if not self._owner.here:
            _inherited.append(self._db)
            return
        with suppress(sqlite3.Error):
            self._db.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        if isinstance(error, sqlite3.Error):
            raise OutputError(f"{self.path}: {_reason(error)}") from None


def _parsed(row: object) -> Row | None:
    """The row, or None if it is missing or damaged."""
    try:
        return Row.of(parse_json(row)) if isinstance(row, str) else None
    except (ValueError, AttributeError):
        return None


def _resolved(file: LibraryFile) -> bytes:
    return os.fsencode(os.path.realpath(file.path))


class _transaction:  # noqa: N801  # read as a statement
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN")

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._db.execute("COMMIT")


def _reason(error: Exception) -> str:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return "is in use by another scan; wait for it, or choose another file for -o"
    # A damaged schema is quoted in SQLite's message, which may then not be UTF-8.
    damaged = isinstance(error, (_OtherFileError, _DamagedError, UnicodeDecodeError))
    if damaged or name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return (
            "is not the journal of a scan, or is damaged; remove it to start over, or choose "
            "another file for -o"
        )
    return f"the journal cannot be written: {reason(error)}; check the folder and the disk"
