"""Atomically replace a file by a copy with other tags.

The copy is written in the same folder. Its audio and its other tags are compared with those of the
original, and it is flushed to disk before it replaces the original.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

from ... import files
from ...audio.files.ffmpeg import packets_hash
from ...errors import InputError, OutputError, first_line, reason
from .genre import GenreTag, read_genre
from .record import FileState

_PREFIX, _SUFFIX = ".streamgenre-", ".partial"


class Refusal(NamedTuple):
    """Why a file must not be replaced, with the remedy."""

    outcome: Literal["read-only", "failed"]
    why: str


def refusal(path: Path) -> Refusal | None:
    """The reason why a file must not be replaced; None if it can be.

    `path`: with links resolved.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        return Refusal("failed", "is not a regular file; scan again")
    if not status.st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH) or not os.access(
        path, os.W_OK
    ):
        return Refusal("read-only", "is read-only; change its mode to tag it")
    if status.st_nlink > 1:
        return Refusal(
            "failed",
            f"has {status.st_nlink} hard links, which writing would break; replace it by a copy to "
            "tag it",
        )
    if not os.access(path.parent, os.W_OK | os.X_OK):
        return Refusal("read-only", "its folder is read-only; change its mode to tag it")
    return None


class Temporaries:
    """Paths of temporary copies. Their names identify the owner, so leftovers can be removed."""

    def __init__(self, owner: Path) -> None:
        """`owner`: the path whose runs create the copies."""
        self._start = _PREFIX + _short(os.path.realpath(owner)) + "-"

    def path_for(self, path: Path) -> Path:
        """Path of the temporary copy of a file. The name has a fixed length."""
        return path.parent / (self._start + _short(path.name) + _SUFFIX)

    def remove(self, folder: Path) -> None:
        """Remove the copies that killed runs of the owner left in a folder."""
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
    verify: Callable[[GenreTag], bool],
    before_replacing: Callable[[FileState, FileState, str], None],
) -> None:
    """Replace a file by a copy with other tags.

    Args:
        tag: tag of the file; its path has links resolved.
        temporary: path of the copy, in the same folder.
        change: changes the tag of the copy.
        verify: returns whether the changed tag is correct.
        before_replacing: called immediately before the replacement with the old state, the new
            state and the hash of the new content.

    Raises OutputError, OSError or an error of mutagen. The file is then unchanged.
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
        if not verify(changed) or changed.others != tag.others:
            raise OutputError(f"{path}: its tags cannot be written without loss; it is unchanged")
        if _audio(temporary) != audio:
            raise OutputError(f"{path}: writing its tags would change the audio; it is unchanged")
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())
        content = content_hash(temporary)
        if FileState.of(path.stat()) != FileState.of(status):
            raise OutputError(f"{path}: was changed by another program; run the command again")
        before_replacing(FileState.of(status), FileState.of(temporary.stat()), content)
        temporary.replace(path)
    finally:
        files.unfinished.discard(temporary)
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _copy(path: Path, temporary: Path, status: os.stat_result) -> None:
    """Copy a file with mode, owner and extended attributes, but with a new modification time."""
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
        if type(error) is OSError:  # an error of the disk
            raise
        text = getattr(error, "strerror", None) or first_line(error)
        raise InputError(f"{path}: its audio cannot be compared: {text}") from None


def cause(error: BaseException) -> BaseException:
    """The OSError wrapped by an error of mutagen, or the error itself."""
    inner = error.args[0] if error.args else None
    return inner if isinstance(inner, OSError) else error


def message_of(error: BaseException, path: Path | str) -> str:
    """The cause of an error, without the path."""
    return reason(cause(error)).removeprefix(f"{path}: ")
