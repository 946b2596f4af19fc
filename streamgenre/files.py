"""Atomic file replacement, by which a file appears complete or not at all, and links to files."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

from .errors import OutputError, reason

unfinished: set[Path] = set()
"""Temporary files that are being written. A process that exits abruptly should remove them."""


def exists(path: str | os.PathLike[str]) -> bool:
    """Whether the path exists; False, not an error, for names that the system does not accept.

    >>> exists("x" * 100_000), exists("a" + chr(0))
    (False, False)
    """
    try:
        os.stat(path)  # noqa: PTH116  # Path.exists raises OSError if the name is too long
    except (OSError, ValueError):
        return False
    return True


@contextmanager
def replacement(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success, the file there replaces `path`.

    The replaced file keeps its mode, and a symbolic link keeps pointing to it. If the block raises
    or creates no file, `path` stays as it was. Raises OutputError if the file cannot be written.
    """
    target = Path(os.path.realpath(path))
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    unfinished.add(partial)
    try:
        partial.unlink(missing_ok=True)  # left by a killed process of the same number
        yield partial
        if partial.exists():
            if target.exists():
                shutil.copymode(target, partial)
            partial.replace(target)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {reason(error)}") from None
    finally:
        unfinished.discard(partial)
        with suppress(OSError):  # its folder may be gone
            partial.unlink(missing_ok=True)


@contextmanager
def text_replacement(path: str | os.PathLike[str]) -> Iterator[TextIO]:
    """Yield a UTF-8 text file that replaces `path` on success; see `replacement`.

    If nothing is written, `path` stays as it was.
    """
    with replacement(path) as partial:
        with open(  # Path.open has no opener
            partial,
            "x",
            encoding="utf-8",
            errors="backslashreplace",
            opener=private_opener(path),
        ) as file:
            yield file
            empty = not file.tell()
        if empty:
            partial.unlink()


def private_opener(path: str | os.PathLike[str]) -> Callable[[str, int], int]:
    """An `opener` for a file that will replace `path`, which may be private.

    It gets its mode when it is complete. A file that does not exist yet gets the usual one.
    """
    mode = 0o600 if Path(path).exists() else 0o666
    return lambda name, flags: os.open(name, flags, mode)


def replace_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Replace the content of `path` atomically; see `replacement`."""
    with replacement(path) as partial:
        partial.write_bytes(data)


def replace_folder(folder: Path, target: Path, before: Path) -> None:
    """Replace the folder `target` by `folder`. The replaced one moves to `folder` or `before`.

    Linux and macOS exchange folders in one step, if the file system can. Otherwise, `target` does
    not exist for a moment. If this fails, it is as it was. Raises OSError.
    """
    if not target.exists():
        folder.rename(target)
    elif not _exchange(folder, target):
        target.rename(before)
        try:
            folder.rename(target)
        except BaseException:
            before.rename(target)
            raise


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two paths in one step. Returns False if the system or file system cannot."""
    if os.name != "posix":
        return False
    import ctypes

    library = ctypes.CDLL(None)
    names = os.fsencode(one.absolute()), os.fsencode(other.absolute())
    try:
        if sys.platform == "darwin":
            return bool(library.renamex_np(*names, 2) == 0)
        return bool(library.renameat2(-100, names[0], -100, names[1], 2) == 0)
    except AttributeError:  # an older C library
        return False


def relative_url(target: str | os.PathLike[str], folder: str | os.PathLike[str]) -> str:
    """URL of a path for a page in a folder: relative, or absolute for another drive of Windows."""
    path, folder = Path(target).absolute(), os.path.realpath(folder)
    try:
        relative = os.path.relpath(path, folder)
        if not exists(Path(folder, relative)):  # a symbolic link on the way changes ".."
            relative = os.path.relpath(os.path.realpath(path), folder)
    except ValueError:
        return path.as_uri()
    return "./" + quote(os.fsencode(Path(relative).as_posix()))
