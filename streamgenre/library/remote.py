"""Files at addresses such as s3://bucket/music, by fsspec.

fsspec has the file systems of the cloud providers and many others, each in a package of its own
(s3fs, gcsfs, adlfs). Web pages and radio streams are no files, so http addresses are refused.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO, cast

from ..audio.address import scheme
from ..errors import InputError, first_line
from ..extras import install_command
from .row import LibraryFile

_NO_FILES = ("http", "https", "icy")
_TIMES = ("mtime", "LastModified", "last_modified", "updated", "created")  # as file systems say


def is_remote(path: str) -> bool:
    """Whether a path is an address that fsspec may know.

    >>> is_remote("s3://music/a.mp3"), is_remote("music/a.mp3"), is_remote("http://host/radio")
    (True, False, False)
    """
    return scheme(path) not in ("", *_NO_FILES)


def open_binary(path: str) -> BinaryIO:
    """Open a path or an address for reading. Raises OSError, for an address InputError."""
    if not is_remote(path):
        return Path(path).open("rb")
    system, inner = _system(path)
    try:
        return cast(BinaryIO, system.open(inner, "rb"))
    except FileNotFoundError:
        raise InputError("no such file; check the address") from None
    except Exception as error:  # each file system raises its own
        raise InputError(f"cannot be opened: {first_line(error)}") from None


class Remote:
    """A folder, file or glob at an address. Raises InputError if it cannot be listed."""

    def __init__(self, address: str) -> None:
        self._system, self._path = _system(address)

    def given(self) -> Iterator[tuple[str, LibraryFile]]:
        """Files with their paths below the address; that of a file or of a match is empty.

        One folder at a time, so that memory does not grow with the number of files.
        """
        try:
            yield from self._listed()
        except FileNotFoundError:
            raise InputError("no such file or folder; check the address") from None
        except Exception as error:  # each file system raises its own
            raise InputError(f"cannot be listed: {first_line(error)}") from None

    def _listed(self) -> Iterator[tuple[str, LibraryFile]]:
        if any(mark in self._path for mark in "*?["):
            for info in sorted(
                self._system.glob(self._path, detail=True).values(), key=lambda one: one["name"]
            ):
                if info["type"] == "file":
                    yield "", self._file(info)
            return
        info = self._system.info(self._path)
        if info["type"] == "file":
            yield "", self._file(info)
            return
        root = str(info["name"]).rstrip("/")
        for folder, folders, files in self._system.walk(self._path, detail=True, on_error="raise"):
            below = str(folder).rstrip("/").removeprefix(root).lstrip("/")
            for name in sorted(files):
                if name:  # a store may have an entry for the folder itself
                    yield f"{below}/{name}".lstrip("/"), self._file(files[name])
            for name in sorted(folders):  # the order in which walk goes on
                folders[name] = folders.pop(name)

    def _file(self, info: dict[str, Any]) -> LibraryFile:
        address = self._system.unstrip_protocol(info["name"])
        return LibraryFile(address, int(info.get("size") or 0), _modified(info))


def _modified(info: dict[str, Any]) -> int:
    """ns since the epoch; 0 if the file system does not say."""
    for name in _TIMES:
        value = info.get(name)
        if isinstance(value, datetime.datetime):
            return round(value.timestamp() * 1e6) * 1_000
        if isinstance(value, (int, float)):
            return round(value * 1e9)
    return 0


def _system(address: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it."""
    if find_spec("fsspec") is None:
        raise InputError(f"addresses need fsspec: {install_command('ray')}")
    try:
        system, path = import_module("fsspec.core").url_to_fs(address)
        return system, path
    except (ImportError, ValueError) as error:  # names the package that is missing
        raise InputError(first_line(error)) from None
