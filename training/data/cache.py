"""Decoded audio on disk: 16 kHz mono samples of 16 bits, memory-mapped, each file decoded once.

A folder may serve several data sets. Decoding may be killed at any moment and goes on where it was;
what has become of files that changed stays in the folder until the folder is deleted.
"""

from __future__ import annotations

import errno
import hashlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np

from streamgenre.errors import one_line

from .decoding import decode_all
from .journal import SAMPLES, Journal, Stamp, digest_of, read_journal
from .record import DataError, Track, fingerprint


def default_cache(data: Path) -> Path:
    """The user's own cache folder for a data set, or for the folder of its manifest."""
    import platformdirs

    where = data.resolve()
    where = where.parent if where.is_file() else where
    name = f"{where.name}-{hashlib.sha256(str(where).encode()).hexdigest()[:8]}"
    return platformdirs.user_cache_path("streamgenre", appauthor=False) / name


class AudioCache(Mapping[str, np.ndarray]):
    """Samples of every readable track by its key, as views into one file on disk."""

    def __init__(
        self,
        samples: Path,
        spans: Mapping[str, tuple[int, int]],
        skipped: Mapping[str, str],
        tracks: str,
        digests: Mapping[str, str],
    ) -> None:
        self._path, self._spans = samples, dict(spans)
        # As far as these tracks reach: behind them another process may be writing.
        length = max((end for _, end in self._spans.values()), default=0)
        try:
            self._samples: np.ndarray = np.memmap(samples, dtype="<i2", mode="r", shape=(length,))
        except (OSError, ValueError) as error:
            raise DataError(f"{samples}: cannot be read: {error}; give another --cache") from None
        self.skipped = dict(skipped)  # key to reason
        self._tracks, self._digests = tracks, dict(digests)

    @cached_property
    def source(self) -> str:
        """SHA-256 of the tracks and their sound; no path and no time of a file is in it."""
        digest = hashlib.sha256(self._tracks.encode())
        for key in sorted({*self._spans, *self.skipped}):
            sound = self._digests.get(key, "")
            if key in self._spans and not sound:  # decoded before digests were kept
                sound = digest_of(self[key].data)
            digest.update(f"\0{sound}".encode())
        return digest.hexdigest()

    def __len__(self) -> int:
        return len(self._spans)

    def __iter__(self) -> Iterator[str]:
        return iter(self._spans)

    def __getitem__(self, key: str) -> np.ndarray:
        """int16 samples of a track, not copied."""
        start, end = self._spans[key]
        view: np.ndarray = self._samples[start:end]
        return view

    def __reduce__(self) -> tuple[object, ...]:
        # To another process go the names only: it maps the file itself.
        return AudioCache, (self._path, self._spans, self.skipped, self._tracks, self._digests)

    @classmethod
    def build(cls, tracks: Sequence[Track], folder: Path) -> AudioCache:
        """The tracks' samples, decoding first what the folder lacks; what is skipped is named.

        What could not be read for a reason that may pass is tried again at the next build.
        """
        stamps = {t.key: Stamp.of(t.path) for t in tracks}
        wanted = {stamp for stamp in stamps.values() if stamp.size >= 0}
        entries = read_journal(folder)
        passing: dict[Stamp, str] = {}
        if not wanted <= entries.keys():
            with _writing(folder):
                entries = read_journal(folder)  # of whoever held the lock before
                passing = _decode_into(
                    folder, sorted(wanted - entries.keys(), key=lambda s: s.path)
                )
            entries = read_journal(folder)
        found = {key: entries.get(stamp) for key, stamp in stamps.items()}
        spans = {key: (e.start, e.end) for key, e in found.items() if e and not e.error}
        skipped = {
            key: e.error if e else passing.get(stamps[key], "no such file")
            for key, e in found.items()
            if not e or e.error
        }
        for key, reason in skipped.items():
            print(one_line(f"skipped {stamps[key].path}: {reason}"), file=sys.stderr)
        if skipped:
            print(f"skipped {len(skipped)} of {len(tracks)} files", file=sys.stderr)
        if not spans:
            raise DataError(f"none of the {len(tracks)} tracks could be read; look at their files")
        digests = {key: e.digest for key, e in found.items() if e and e.digest}
        return cls(folder / SAMPLES, spans, skipped, fingerprint(tracks), digests)


def _decode_into(folder: Path, stamps: Sequence[Stamp]) -> dict[Stamp, str]:
    """Decodes and keeps; returns what could not be read now, and is not kept, with the reason."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    by_path = {stamp.path: stamp for stamp in stamps}
    passing = {}
    with (
        closing(Journal(folder, read_journal(folder).values())) as journal,
        Progress(*columns, console=console, disable=not console.is_terminal) as progress,
    ):
        task = progress.add_task("decoding", total=len(stamps))
        for path, decoded in decode_all(list(by_path)):
            if decoded.passing:
                passing[by_path[path]] = decoded.error
            else:
                journal.add(by_path[path], decoded.samples, decoded.error)
            progress.advance(task)
    return passing


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """The right to write to a folder, which one process has at a time."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / "lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            print(f"{folder}: waiting for another process to decode", file=sys.stderr)
            lock.acquire()
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
            raise DataError(
                f"{folder}: the disk is full; free some (32 kB a second of audio) and start again, "
                "or give another folder with --cache"
            ) from None
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise DataError(f"{folder}: cannot be written: {reason}; give another --cache") from None
    finally:
        lock.release()
