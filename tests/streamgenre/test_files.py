"""A file is replaced completely or not at all."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest

from streamgenre import files
from streamgenre.errors import OutputError
from streamgenre.files import replace_bytes, replacement, text_replacement

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX modes and links")


def test_a_replacement_is_complete(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with text_replacement(path) as file:
        file.write("new\n")
        file.flush()
        assert path.read_text() == "old" and len(files.unfinished) == 1
    assert path.read_text() == "new\n"
    replace_bytes(path, b"\0")
    assert path.read_bytes() == b"\0"
    with replacement(tmp_path / "a.npy") as partial, partial.open("wb") as array:
        np.save(array, np.arange(3))
    assert np.load(tmp_path / "a.npy").tolist() == [0, 1, 2]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.npy", "a.txt"]
    assert not files.unfinished


def test_a_failure_or_an_empty_result_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), text_replacement(path) as file:
        file.write("half")
        raise RuntimeError
    with text_replacement(path):
        pass
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


@posix
def test_a_private_file_is_private_while_it_is_replaced(tmp_path):
    path = tmp_path / "private.txt"
    path.touch(0o600)
    with text_replacement(path) as file:
        file.write("secret")
        file.flush()
        assert [p.stat().st_mode & 0o077 for p in tmp_path.iterdir()] == [0, 0]
    assert path.stat().st_mode & 0o777 == 0o600


@posix
def test_mode_and_link_are_kept(tmp_path):
    path, link = tmp_path / "a.txt", tmp_path / "link"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    with text_replacement(link) as file:
        file.write("new")
    assert link.is_symlink() and path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o640


def test_an_error_names_the_file(tmp_path):
    path = tmp_path / "none" / "a.txt"
    with pytest.raises(OutputError, match=r"a\.txt: cannot be written: ") as error:
        replace_bytes(path, b"x")
    assert "Errno" not in str(error.value) and os.linesep not in str(error.value)
