"""List and open files at fsspec URLs such as s3://bucket/music.

fsspec supports many file systems, such as those of cloud providers, through separate packages
(s3fs, gcsfs, adlfs). HTTP addresses are not supported, because they can be web pages or streams.
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

_CHECK = "check the address and your access to it"
_HTTP = ("http", "https", "icy")
_TIMES = ("mtime", "LastModified", "last_modified", "updated", "created")  # depends on the system


def is_remote(path: str) -> bool:
    """Whether a path is a URL for fsspec.

    >>> is_remote("s3://music/a.mp3"), is_remote("music/a.mp3"), is_remote("http://host/radio")
    (True, False, False)
    """
    return scheme(path) not in ("", *_HTTP)


def open_binary(path: str) -> BinaryIO:
    """Open a path or URL for reading. Raises OSError for a path and InputError for a URL."""
    if not is_remote(path):
        return Path(path).open("rb")
    system, inner = _system(path)
    try:
        return cast(BinaryIO, system.open(inner, "rb"))
    except FileNotFoundError:
        raise InputError("no such file; check the address") from None
    except Exception as error:  # each file system raises its own
        raise InputError(f"cannot be opened: {first_line(error)}; {_CHECK}") from None


class Remote:
    """A folder, file or glob at a URL. Raises InputError if its file system is not available."""

    def __init__(self, address: str) -> None:
        self._system, self._path = _system(address)

    def files(self) -> Iterator[tuple[str, LibraryFile]]:
        """Yield each file with its path relative to the folder; empty for a single file or a glob.

        Folders are listed one at a time, so memory does not grow with the number of files. Raises
        InputError if the URL cannot be listed.
        """
        try:
            yield from self._listed()
        except FileNotFoundError:
            raise InputError("no such file or folder; check the address") from None
        except Exception as error:  # each file system raises its own
            raise InputError(f"cannot be listed: {first_line(error)}; {_CHECK}") from None

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
                if name:  # object stores may have an entry for the folder itself
                    yield f"{below}/{name}".lstrip("/"), self._file(files[name])
            for name in sorted(folders):  # walk continues in the order of this dict
                folders[name] = folders.pop(name)

    def _file(self, info: dict[str, Any]) -> LibraryFile:
        address = self._system.unstrip_protocol(info["name"])
        return LibraryFile(address, int(info.get("size") or 0), _modified(info))


def _modified(info: dict[str, Any]) -> int:
    """Time of the last change in ns since the epoch; 0 if the file system does not report it."""
    for name in _TIMES:
        value = info.get(name)
        if isinstance(value, datetime.datetime):
            return round(value.timestamp() * 1e6) * 1_000
        if isinstance(value, (int, float)):
            return round(value * 1e9)
    return 0


def _system(address: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it."""
    if find_spec("fsspec") is None:
        raise InputError(f"URLs need fsspec: {install_command('ray')}")
    try:
        system, path = import_module("fsspec.core").url_to_fs(address)
        return system, path
    except (ImportError, ValueError) as error:  # the message names the missing package
        raise InputError(f"{first_line(error)}; {_CHECK}") from None
