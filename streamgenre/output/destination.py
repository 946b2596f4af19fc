"""Destinations of the results of recordings, which never contain an incomplete result.

A line-based format is appended to its file as it is computed. Any other format is complete only
after each recording, so the file is replaced atomically then. In a folder, each recording has its
own file.
"""

from __future__ import annotations

import io
import os
import re
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TextIO

from .. import files
from ..audio.address import Recording, resolved, shown
from ..errors import OutputError, reason
from ..wording import counted

_COPYING = 0.1  # maximum share of the time spent on copies of earlier results


class Destination:
    """An open file for results, such as standard output, a device or a pipe.

    As a context manager, it closes the file if it has a `path`.
    """

    def __init__(self, file: TextIO, path: Path | None = None) -> None:
        self.file, self.path = file, path

    def finished(self) -> None:
        """Mark the results so far as complete."""
        self.file.flush()

    def keep(self) -> str | None:
        """Save complete results, from any thread; returns a message about them, or None."""
        return None

    def close(self) -> None:
        """Close the file; raises OSError."""
        if self.path is not None:
            self.file.close()

    def __enter__(self) -> Destination:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except OSError as failed:
            error = failed
        if self.path is not None and isinstance(error, OSError):
            raise _failure(self.path, error) from None


class Appended(Destination):
    """A Destination of lines. An earlier file is replaced when the first line is written."""

    file: _Lines

    def __init__(self, path: Path) -> None:
        if not path.exists():
            try:
                path.open("x").close()  # fail before any work
                path.unlink()
            except OSError as error:
                raise _failure(path, error) from None
        super().__init__(_Lines(path), path)

    def keep(self) -> str:
        """See Destination."""
        if not self.file.count:
            return f"{self.path}: nothing was written"
        return f"{self.path} keeps the {counted(self.file.count, 'line')} so far"


class _Lines(io.TextIOBase, TextIO):  # type: ignore[misc]  # as io.TextIOWrapper is declared
    """A text file that is created by the first `write`, and flushed by each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: TextIO | None = None
        self.count = 0

    def write(self, text: str) -> int:
        self._opened = self._opened or self._path.open(
            "w", encoding="utf-8", errors="backslashreplace"
        )
        self._opened.write(text)
        self._opened.flush()
        self.count += text.count("\n")
        return len(text)

    def flush(self) -> None:
        """Do nothing, since `write` flushes."""

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()


class Replaced(Destination):
    """A Destination of complete results: the file at `path` is replaced after each recording."""

    path: Path

    def __init__(self, path: Path) -> None:
        target = Path(os.path.realpath(path))
        self._work = target.with_name(f".{target.name}.{os.getpid()}.unfinished")
        self._lock = threading.Lock()
        self._recordings = self._complete = self._published = 0  # two of them in bytes
        self._began, self._copying = time.monotonic(), 0.0
        try:
            self._work.unlink(missing_ok=True)
            opener = files.private_opener(target)
            file = open(  # noqa: SIM115
                self._work, "x", encoding="utf-8", errors="backslashreplace", opener=opener
            )
        except OSError as error:
            raise _failure(path, error) from None
        super().__init__(file, path)
        files.unfinished.add(self._work)

    def finished(self) -> None:
        """Replace the file, unless copying would take more time than the results themselves."""
        self.file.flush()
        self._complete = os.fstat(self.file.fileno()).st_size
        self._recordings += 1
        began = time.monotonic()
        if self._copying <= _COPYING * (began - self._began):
            with self._lock:
                self._publish()
            self._copying += time.monotonic() - began

    def _publish(self) -> None:
        if self._published == self._complete:
            return
        opener = files.private_opener(self.path)
        with (
            files.replacement(self.path) as partial,
            self._work.open("rb") as work,
            open(partial, "xb", opener=opener) as copy,
        ):
            _copy(work, copy, self._complete)
        self._published = self._complete

    def keep(self) -> str:
        """See Destination."""
        with self._lock:
            self._publish()
        if not self._published:
            return f"{self.path} was not written: no file was finished"
        return f"{self.path} keeps the results of {counted(self._recordings, 'file')}"

    def close(self) -> None:
        """Keep complete results and remove the temporary file."""
        try:
            with self._lock:
                self._publish()
        finally:
            files.unfinished.discard(self._work)
            with suppress(OSError):
                self.file.close()
            self._work.unlink(missing_ok=True)


class Folder:
    """Creates a Destination for each recording, in a folder that mirrors the input paths.

    `extension` is appended to the full name of a recording. `by_line`: the format is line-based.
    """

    def __init__(self, path: Path, extension: str, by_line: bool) -> None:
        if path.exists() and not path.is_dir():
            raise OutputError(f"{path}: is not a folder; choose another name")
        self.path, self._extension, self._by_line = path, extension, by_line
        self._owners: dict[Path, str] = {}

    def target(self, recording: Recording) -> Path:
        """The file for a recording."""
        return self.path / mirrored(recording, self._extension)

    def open(self, recording: Recording) -> Destination:
        """A Destination for one recording; raises OutputError."""
        target = self.target(recording)
        owner = self._owners.setdefault(target, recording.where)
        if owner != recording.where:
            raise OutputError(
                f"{recording.name}: {target} already has the result of {shown(owner)}; use another "
                "folder"
            )
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _failure(target.parent, error) from None
        return Appended(target) if self._by_line else Replaced(target)

    def keep(self) -> str:
        """See Destination."""
        written = sum(target.exists() for target in self._owners)
        return f"{self.path} keeps {counted(written, 'file')}"

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing, since each Destination closes itself."""


def mirrored(recording: Recording, extension: str) -> Path:
    """The relative path of the result of a recording, below the folder for results.

    >>> mirrored(Recording("a/x.mp3"), ".html").as_posix()
    'a/x.mp3.html'
    >>> mirrored(Recording("../b/./x.mp3"), ".html").as_posix()
    'b/x.mp3.html'
    >>> mirrored(Recording("http://me:secret@host:80/radio?id=1"), ".csv").as_posix()
    'host_80/radio_id=1.csv'
    """
    if recording.is_url:
        parts = re.split("[/\\\\]+", recording.name.split("://", 1)[1].split("@", 1)[-1])
        parts = [re.sub(r'[<>:"|?*#]', "_", part) for part in parts]
    elif recording.where == "-":
        parts = ["standard-input"]
    else:
        path = Path(os.path.normpath(resolved(recording.where)))
        parts = list(path.relative_to(path.anchor).parts)
    parts = [part for part in parts if part not in ("", ".", "..")] or ["recording"]
    return Path(*parts[:-1], parts[-1] + extension)


def _failure(path: Path, error: OSError) -> OutputError:
    return OutputError(f"{path}: cannot be written: {reason(error)}")


def _copy(source: io.BufferedReader, target: io.BufferedWriter, size: int) -> None:
    """Copy the first `size` bytes."""
    left = size
    while left and (data := source.read(min(left, 1 << 20))):
        target.write(data)
        left -= len(data)
