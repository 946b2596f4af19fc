"""A cache of decoded audio: mono int16 samples at 16 kHz, memory-mapped, each file decoded once.

Several data sets can share a folder. Decoding resumes after an interruption. Samples of files that
have changed since stay in the folder until it is deleted.
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
    """Return the default cache folder for a data set: a folder in the user's cache directory."""
    import platformdirs

    where = data.resolve()
    where = where.parent if where.is_file() else where
    name = f"{where.name}-{hashlib.sha256(str(where).encode()).hexdigest()[:8]}"
    return platformdirs.user_cache_path("streamgenre", appauthor=False) / name


class AudioCache(Mapping[str, np.ndarray]):
    """A mapping from the key of each readable track to its samples, as views into one file."""

    def __init__(
        self,
        samples: Path,
        spans: Mapping[str, tuple[int, int]],
        skipped: Mapping[str, str],
        tracks: str,
        digests: Mapping[str, str],
    ) -> None:
        self._path, self._spans = samples, dict(spans)
        # Map only the range of these tracks: another process may be appending to the file.
        length = max((end for _, end in self._spans.values()), default=0)
        try:
            self._samples: np.ndarray = np.memmap(samples, dtype="<i2", mode="r", shape=(length,))
        except (OSError, ValueError) as error:
            raise DataError(f"{samples}: cannot be read: {error}; give another --cache") from None
        self.skipped = dict(skipped)  # key to reason
        self._tracks, self._digests = tracks, dict(digests)

    @cached_property
    def source(self) -> str:
        """SHA-256 of the tracks and their samples. It does not depend on paths or file times."""
        digest = hashlib.sha256(self._tracks.encode())
        for key in sorted({*self._spans, *self.skipped}):
            sound = self._digests.get(key, "")
            if key in self._spans and not sound:  # decoded by a version that stored no digests
                sound = digest_of(self[key].data)
            digest.update(f"\0{sound}".encode())
        return digest.hexdigest()

    def __len__(self) -> int:
        return len(self._spans)

    def __iter__(self) -> Iterator[str]:
        return iter(self._spans)

    def __getitem__(self, key: str) -> np.ndarray:
        """Samples of a track, int16 (n,), without a copy."""
        start, end = self._spans[key]
        view: np.ndarray = self._samples[start:end]
        return view

    def __reduce__(self) -> tuple[object, ...]:
        # Pickle the arguments only; the other process maps the file itself.
        return AudioCache, (self._path, self._spans, self.skipped, self._tracks, self._digests)

    @classmethod
    def build(cls, tracks: Sequence[Track], folder: Path) -> AudioCache:
        """Decode the tracks that the folder lacks, and return the samples of all of them.

        Skipped files are listed on standard error. Files that failed for a reason that may be
        temporary are tried again by the next call. Raises DataError if no track can be read.
        """
        stamps = {t.key: Stamp.of(t.path) for t in tracks}
        wanted = {stamp for stamp in stamps.values() if stamp.size >= 0}
        entries = read_journal(folder)
        temporary: dict[Stamp, str] = {}
        if not wanted <= entries.keys():
            with _locked(folder):
                entries = read_journal(folder)  # another process may have written meanwhile
                temporary = _decode_into(
                    folder, sorted(wanted - entries.keys(), key=lambda s: s.path)
                )
            entries = read_journal(folder)
        by_key = {key: entries.get(stamp) for key, stamp in stamps.items()}
        spans = {key: (e.start, e.end) for key, e in by_key.items() if e and not e.error}
        skipped = {
            key: e.error if e else temporary.get(stamps[key], "no such file")
            for key, e in by_key.items()
            if not e or e.error
        }
        for key, reason in skipped.items():
            print(one_line(f"skipped {stamps[key].path}: {reason}"), file=sys.stderr)
        if skipped:
            print(f"skipped {len(skipped)} of {len(tracks)} files", file=sys.stderr)
        if not spans:
            raise DataError(f"none of the {len(tracks)} tracks could be read; check the files")
        digests = {key: e.digest for key, e in by_key.items() if e and e.digest}
        return cls(folder / SAMPLES, spans, skipped, fingerprint(tracks), digests)


def _decode_into(folder: Path, stamps: Sequence[Stamp]) -> dict[Stamp, str]:
    """Decode files into the folder. Returns temporary failures, which are not stored."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    by_path = {stamp.path: stamp for stamp in stamps}
    temporary = {}
    with (
        closing(Journal(folder, read_journal(folder).values())) as journal,
        Progress(*columns, console=console, disable=not console.is_terminal) as progress,
    ):
        task = progress.add_task("decoding", total=len(stamps))
        for path, decoded in decode_all(list(by_path)):
            if decoded.temporary:
                temporary[by_path[path]] = decoded.error
            else:
                journal.add(by_path[path], decoded.samples, decoded.error)
            progress.advance(task)
    return temporary


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a cache folder, so that one process at a time writes to it."""
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
                f"{folder}: the disk is full; free some space (32 kB per second of audio) and "
                "start again, or give another folder with --cache"
            ) from None
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise DataError(f"{folder}: cannot be written: {reason}; give another --cache") from None
    finally:
        lock.release()
