"""A small library with the results of a scan, shared by the tests of faults."""

from __future__ import annotations

import shutil

import pytest
from support.library import write_sound

import streamgenre


@pytest.fixture(scope="session")
def scanned(tmp_path_factory):
    """A folder with `music` (three FLAC files) and the table `genres.csv`; read only."""
    folder = tmp_path_factory.mktemp("scanned")
    (folder / "music").mkdir()
    for i in range(3):
        write_sound(folder / "music" / f"{i}.flac", i)
    list(streamgenre.scan(folder / "music", output=folder / "genres.csv", jobs=1))
    return folder


@pytest.fixture
def library(scanned, tmp_path):
    """A private copy of the table; the music is shared."""
    for name in ("genres.csv", "genres.csv.journal"):
        shutil.copy(scanned / name, tmp_path / name)
    (tmp_path / "music").symlink_to(scanned / "music")
    return tmp_path
