"""Replace a file by a copy with other tags: at every moment it is the old one or the new one.

The copy is made in the same folder, and the audio in it is compared with that of the original. It
is complete on the disk before it takes the place of the original.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ... import files
from ...audio.files.ffmpeg import packets_hash
from ...errors import InputError, OutputError, first_line, reason
from .genre import GenreTag, read_genre
from .record import FileState

_PREFIX, _SUFFIX = ".streamgenre-", ".partial"


def refusal(path: Path) -> str | None:
    """Why this file, links resolved, is not to be replaced, with the remedy; None if it can be."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        return "is not a regular file"
    if not status.st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH) or not os.access(
        path, os.W_OK
    ):
        return "is read-only; change its mode to tag it"
    if status.st_nlink > 1:
        return (
            f"has {status.st_nlink} hard links, which writing would separate; replace it by a copy "
            "of its own to tag it"
        )
    if not os.access(path.parent, os.W_OK | os.X_OK):
        return "its folder is read-only; change its mode to tag it"
    return None


class Temporaries:
    """Names of unfinished copies, which tell whose they are."""

    def __init__(self, owner: Path) -> None:
        """`owner`: a path; the copies of its runs can be told from others."""
        self._start = _PREFIX + _short(os.path.realpath(owner)) + "-"

    def beside(self, path: Path) -> Path:
        """A name for the copy of a file; not longer for a long name."""
        return path.parent / (self._start + _short(path.name) + _SUFFIX)

    def remove(self, folder: Path) -> None:
        """Remove copies that a killed run left in a folder."""
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(self._start) and entry.name.endswith(_SUFFIX):
                    with suppress(OSError):
                        Path(entry.path).unlink()


def _short(name: str) -> str:
    return hashlib.blake2b(os.fsencode(name), digest_size=8).hexdigest()


def content_hash(path: Path) -> str:
    """Hash of the whole file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def rewrite(
    tag: GenreTag,
    temporary: Path,
    change: Callable[[GenreTag], None],
    right: Callable[[GenreTag], bool],
    announce: Callable[[FileState, FileState, str], None],
) -> None:
    """Replace a file by a copy with other tags.

    Args:
        tag: of the file, its path with links resolved.
        temporary: of the copy, in the same folder.
        change: changes the tag of the copy.
        right: whether the tag of the copy is as it should be.
        announce: called with the states before and after and the hash of the content afterwards,
            when only the replacement is left.

    Raises OutputError, OSError or whatever mutagen raises; the file then is as it was.
    """
    path = tag.path
    status = path.stat()
    files.unfinished.add(temporary)
    try:
        audio = _audio(path)
        temporary.unlink(missing_ok=True)
        _copy(path, temporary, status)
        copy = read_genre(temporary, tag.kind)
        change(copy)
        changed = read_genre(temporary, tag.kind)
        if not right(changed) or changed.others != tag.others:
            raise OutputError(f"{path}: its tags cannot be written without loss; it stays as it is")
        if _audio(temporary) != audio:
            raise OutputError(f"{path}: writing its tags would change the audio; it stays as it is")
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())
        content = content_hash(temporary)
        if FileState.of(path.stat()) != FileState.of(status):
            raise OutputError(f"{path}: changes while it is written; it stays as it is")
        announce(FileState.of(status), FileState.of(temporary.stat()), content)
        temporary.replace(path)
    finally:
        files.unfinished.discard(temporary)
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _copy(path: Path, temporary: Path, status: os.stat_result) -> None:
    """A copy with mode, owner and extended attributes; its time of change will be new."""
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    shutil.copyfile(path, temporary)
    if hasattr(os, "chown"):
        own = temporary.stat()
        if (own.st_uid, own.st_gid) != (status.st_uid, status.st_gid):
            try:
                os.chown(temporary, status.st_uid, status.st_gid)
            except PermissionError:
                raise OutputError(
                    f"{path}: belongs to another user or group, and writing would change that; run "
                    "the command as its owner"
                ) from None
    shutil.copystat(path, temporary)
    os.utime(temporary)


def _audio(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return packets_hash(file)
    except Exception as error:
        if type(error) is OSError:  # of the disk
            raise
        text = getattr(error, "strerror", None) or first_line(error)
        raise InputError(f"{path}: its audio cannot be compared: {text}") from None


def cause(error: BaseException) -> BaseException:
    """The OSError that mutagen turned into an error of its own, or the error itself."""
    inner = error.args[0] if error.args else None
    return inner if isinstance(inner, OSError) else error


def why(error: BaseException, path: Path | str) -> str:
    """The cause of a failure without the path."""
    return reason(cause(error)).removeprefix(f"{path}: ")
