"""Journals: of a scan (SQLite) and of the decoded audio of a trainer."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from fuzz.target import Reader, Target
from fuzz.targets.lists import LABELS, rows
from streamgenre.library.journal import Journal
from streamgenre.library.row import LibraryFile
from training.data.journal import read_journal

_FILES = [LibraryFile(row.path, row.size or 0, 10**18) for row in rows()]


def _write(path: Path, count: int) -> None:
    with Journal(path, "m") as journal:
        journal.add(_FILES)
        for file, row in list(zip(_FILES, rows(), strict=True))[:count]:
            journal.put(file, row, LABELS)


def _seeds() -> Mapping[str, bytes]:
    seeds = {"decoded": b"\1" + b'{"size": 1, "mtime_ns": 2, "start": 0, "end": 9, "path": "a", '
             b'"error": "", "digest": "01234567"}\n'}  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        for count in (0, 3, len(_FILES)):
            path = Path(folder) / f"{count}.journal"
            _write(path, count)
            seeds[f"scan-{count}"] = b"\0" + path.read_bytes()
    return seeds


def _check(data: bytes, folder: Path) -> None:
    reader = Reader(data)
    if reader.number() % 2:
        (folder / "journal.jsonl").write_bytes(reader.rest())
        read_journal(folder)
        return
    path = folder / "r.parquet.journal"
    path.write_bytes(reader.rest())
    with Journal(path, "m") as journal:
        taken = journal.add(_FILES)
        assert len(taken) == len(_FILES)
        while (file := journal.next_waiting()) is not None:
            row = next(
                (r for f, r in zip(_FILES, rows(), strict=True) if f.path == file.path), None
            )
            if row is not None:
                journal.put(file, row, LABELS)
        for row in journal.rows():
            row.to_dict(LABELS)


TARGET = Target("journals", "journals of scans (SQLite) and of decoded audio", _seeds, _check)
