"""The journal returns each file once, keeps rows of unchanged files, and excludes other scans."""

from __future__ import annotations

import os
import sqlite3

import pytest

from streamgenre.errors import OutputError
from streamgenre.library.journal import Journal
from streamgenre.library.row import LibraryFile, Row, Unlisted

FILES = [LibraryFile(f"/music/{i}.mp3", 100 + i, 10**18 + i) for i in range(600)]
LABELS = ("jazz",)


def waiting(journal):
    found = []
    while (file := journal.next_waiting()) is not None:
        found.append(file)
    return found


def row(file, error=None):
    return Row(file.path, file.size, file.modified / 1e9, error=error, model="m")


def test_each_file_is_returned_once_in_listing_order(tmp_path):
    with Journal(tmp_path / "j", "m") as journal:
        assert journal.add(FILES[:300]) == [(file, None) for file in FILES[:300]]
        assert journal.add(FILES[200:]) == [(file, None) for file in FILES[300:]]
        assert waiting(journal) == FILES and waiting(journal) == []


def test_files_added_after_the_queue_was_empty(tmp_path):
    with Journal(tmp_path / "j", "m") as journal:
        for first in (0, 100, 101, 400):
            group = FILES[first : first + 100]
            new = [file for file, _ in journal.add(group)]
            assert new and waiting(journal) == new


def test_rows_of_unchanged_files_are_kept(tmp_path):
    path = tmp_path / "j"
    changed = LibraryFile(FILES[0].path, FILES[0].size, FILES[0].modified + 1)
    grown = LibraryFile(FILES[1].path, FILES[1].size + 1, FILES[1].modified)
    with Journal(path, "m") as journal:
        journal.add(FILES[:5])
        for file in FILES[:4]:
            journal.put(file, row(file, "broken" if file is FILES[3] else None), LABELS)
    with Journal(path, "m") as journal:
        found = dict(journal.add([changed, grown, *FILES[2:6]]))
        assert {file for file, known in found.items() if known} == set(FILES[2:4])
        assert found[FILES[2]] == row(FILES[2])
        assert waiting(journal) == [changed, grown, FILES[4], FILES[5]]
    with Journal(path, "another model") as journal:
        assert dict(journal.add(FILES[2:3])) == {FILES[2]: None}
    with Journal(path, "m", retry_failed=True) as journal:
        assert waiting(journal) == [] and journal.add(FILES[3:4]) == [(FILES[3], None)]


def test_refresh_discards_all_rows(tmp_path):
    with Journal(tmp_path / "j", "m") as journal:
        journal.add(FILES[:1])
        journal.put(FILES[0], row(FILES[0]), LABELS)
    with Journal(tmp_path / "j", "m", refresh=True) as journal:
        assert journal.add(FILES[:1]) == [(FILES[0], None)]


def test_rows_of_files_of_this_run(tmp_path):
    gone = Unlisted("/music/gone", "no such file")
    with Journal(tmp_path / "j", "m") as journal:
        journal.add(FILES[:3])
        for file in reversed(FILES[:3]):
            journal.put(file, row(file), LABELS)
    with Journal(tmp_path / "j", "m") as journal:
        journal.add(FILES[:2])
        journal.put(gone, Row.failed(gone, gone.error, "m"), LABELS)
        assert [found.path for found in journal.rows()] == [
            *(file.path for file in FILES[:2]),
            gone.path,
        ]


def test_paths_that_are_not_utf8(tmp_path):
    odd = LibraryFile(os.fsdecode("/music/ü\n".encode() + (b"\xff" * (os.name == "posix"))), 1, 2)
    with Journal(tmp_path / "j", "m") as journal:
        journal.add([odd])
        assert waiting(journal) == [odd]
        journal.put(odd, row(odd), LABELS)
        assert journal.add([odd]) == []


def test_second_scan_is_rejected(tmp_path):
    with Journal(tmp_path / "j", "m"), pytest.raises(OutputError, match="in use by another scan"):
        Journal(tmp_path / "j", "m")


@pytest.mark.parametrize("kind", ["text", "damaged", "other database"])
def test_other_files_are_rejected_and_kept(tmp_path, kind):
    path = tmp_path / "j"
    if kind == "other database":
        database = sqlite3.connect(path)
        database.execute("CREATE TABLE notes (text)")
        database.commit()
        database.close()
    else:
        path.write_bytes({"text": b"notes\n" * 500, "damaged": b"SQLite format 3\0" * 99}[kind])
    before = path.read_bytes()
    with pytest.raises(OutputError, match=r"is not the journal of a scan.*; remove it"):
        Journal(path, "m")
    assert path.read_bytes() == before


def test_missing_folder(tmp_path):
    with pytest.raises(OutputError, match="cannot be written: unable to open"):
        Journal(tmp_path / "missing/j", "m")
