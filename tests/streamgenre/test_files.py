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
    before = {*files.unfinished}  # of other tests in this process
    with text_replacement(path) as file:
        file.write("new\n")
        file.flush()
        assert path.read_text() == "old" and len(files.unfinished - before) == 1
    assert path.read_text() == "new\n"
    replace_bytes(path, b"\0")
    assert path.read_bytes() == b"\0"
    with replacement(tmp_path / "a.npy") as partial, partial.open("wb") as array:
        np.save(array, np.arange(3))
    assert np.load(tmp_path / "a.npy").tolist() == [0, 1, 2]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.npy", "a.txt"]
    assert files.unfinished <= before


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


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_folder_is_replaced(tmp_path, monkeypatch, can_exchange):
    if not can_exchange:
        monkeypatch.setattr(files, "_exchange", lambda one, other: False)
    target = tmp_path / "target"
    for number in range(2):
        new = tmp_path / f"new {number}"
        new.mkdir()
        (new / "file").write_text(str(number))
        files.replace_folder(new, target, tmp_path / "before")
        assert (target / "file").read_text() == str(number)
    kept = {path.read_text() for path in tmp_path.glob("*/file")} - {"1"}
    assert kept == {"0"}


def test_a_folder_that_cannot_be_replaced_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_exchange", lambda one, other: False)
    target = tmp_path / "target"
    target.mkdir()
    with pytest.raises(OSError):
        files.replace_folder(tmp_path / "none", target, tmp_path / "before")
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


@posix
def test_a_link_to_a_file_in_a_folder_without_permission(tmp_path):
    import subprocess

    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "file").touch()
    program = (
        "import os, sys; from streamgenre.files import relative_url;"
        "os.getuid() or os.setuid(54321); print(relative_url(*sys.argv[1:]))"
    )
    hidden.chmod(0)
    call = [sys.executable, "-c", program, str(hidden / "file"), str(tmp_path)]
    done = subprocess.run(call, capture_output=True, text=True)
    hidden.chmod(0o700)
    assert done.stdout.endswith("hidden/file\n"), done.stderr
