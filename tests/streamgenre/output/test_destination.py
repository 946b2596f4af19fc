"""The files that -o leaves after any end of a run."""

from __future__ import annotations

import os
import stat

import pytest

from streamgenre.errors import OutputError
from streamgenre.output.destination import Appended, Replaced


def test_lines_are_in_the_file_at_once(tmp_path):
    path = tmp_path / "x.jsonl"
    with Appended(path) as destination:
        assert not path.exists() and "nothing was written" in destination.keep()
        destination.file.write("1\n")
        assert path.read_text() == "1\n"
        destination.file.write("2\n")
        assert path.read_text() == "1\n2\n"
        assert destination.keep() == f"{path} keeps the 2 lines so far"


def test_lines_replace_an_earlier_file_when_the_first_is_written(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text("earlier\n")
    path.chmod(0o600)
    with Appended(path) as destination:
        assert path.read_text() == "earlier\n"
        destination.file.write("1\n")
        assert path.read_text() == "1\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_results_are_in_the_file_when_they_are_complete(tmp_path):
    path = tmp_path / "x.json"
    with Replaced(path) as destination:
        destination.file.write("one ")
        destination.file.flush()
        assert not path.exists() and "was not written" in destination.keep()
        destination.file.write("result\n")
        destination.finished()
        assert path.read_text() == "one result\n"
        destination.file.write("half")
        destination.file.flush()
        assert destination.keep() == f"{path} keeps the results of 1 file"
        assert path.read_text() == "one result\n"
    assert path.read_text() == "one result\n" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_an_interruption_keeps_complete_results(tmp_path, error):
    path = tmp_path / "x.json"
    path.write_text("earlier\n")
    with pytest.raises(error), Replaced(path) as destination:
        for name in "abc":
            destination.file.write(f"{name}\n")
            destination.finished()
        destination.file.write("half")
        raise error
    assert path.read_text() == "a\nb\nc\n" and list(tmp_path.iterdir()) == [path]


def test_many_results_are_all_kept(tmp_path):
    """Also those that were not copied at once, because copies would take too long."""
    path = tmp_path / "x.json"
    with Replaced(path) as destination:
        for number in range(500):
            destination.file.write(f"{number}\n")
            destination.finished()
        destination.keep()
        assert len(path.read_text().splitlines()) == 500


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
def test_a_replaced_file_keeps_its_mode_and_its_link(tmp_path):
    path, link = tmp_path / "x.json", tmp_path / "link.json"
    path.write_text("earlier\n")
    path.chmod(0o600)
    link.symlink_to(path)
    with Replaced(link) as destination:
        (work,) = set(tmp_path.iterdir()) - {path, link}
        assert stat.S_IMODE(work.stat().st_mode) == 0o600
        destination.file.write("secret\n")
        destination.finished()
    assert link.is_symlink() and path.read_text() == "secret\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("kind", [Appended, Replaced])
def test_a_folder_that_does_not_exist_is_refused_before_any_work(tmp_path, kind):
    with pytest.raises(OutputError, match="cannot be written: No such file"):
        kind(tmp_path / "no" / "x")
