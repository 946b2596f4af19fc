"""Scan a library: list its files, classify them in a pool of workers, and store their rows.

A thread lists the files while workers run. The journal is the queue, so memory does not grow with
the number of files.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, Literal

from ..errors import ConfigError, StreamgenreError
from ..files import exists
from ..forks import Owner
from ..model.card import ModelCard, read_card
from ..model.model import BUNDLED, Compute, read_model
from .cluster import ClusterPool, check_ray
from .corrections import Corrections, locked_corrections, read_corrections
from .journal import JOURNAL, Journal
from .listing import ListingEntry, Selection, list_files, read_paths
from .pool import TICK, Finished, Pool, ProcessPool
from .results import check_format, write_results
from .row import LibraryFile, Row, Unlisted, model_name
from .tagging.record import SUFFIX, read_records
from .worker import Settings

_LISTED_AT_ONCE, _LISTED_AHEAD = 500, 8
# The remaining time is estimated after this number of bytes, or this share of all bytes.
_MIN_WORKED, _MIN_SHARE = 2e8, 0.05

Engine = Literal["local", "ray"]
PathLike = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a scan."""

    files: int = 0
    """Number of files listed so far."""
    listed: bool = False
    """Whether all files are listed."""
    done: int = 0
    """Number of files with a row."""
    known: int = 0
    """Number of files whose row was in the journal."""
    failed: int = 0
    """Number of files with an error."""
    unlisted: int = 0
    """Number of folders and lists that cannot be read, so that files may be missing."""
    seconds: float = 0.0
    """Seconds of audio read in this run."""
    work: int = 0
    """Bytes of the files without a row at the start."""
    worked: int = 0
    """Bytes of those that have a row now."""
    elapsed: float = 0.0
    """Seconds since the start."""

    @property
    def left(self) -> float | None:
        """Estimated remaining seconds; None while unknown."""
        if not self.listed or self.worked < min(_MIN_WORKED, _MIN_SHARE * self.work):
            return None
        if not self.worked:
            return 0.0
        return self.elapsed * (self.work - self.worked) / self.worked


@dataclass(frozen=True, slots=True)
class _Listing:
    """A group of files from the listing thread, None at the end, or an error."""

    found: tuple[ListingEntry, ...] | None
    error: BaseException | None = None


def scan(
    paths: PathLike | Iterable[PathLike] = (),
    *,
    output: PathLike | None = None,
    files_from: BinaryIO | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    follow: bool = False,
    hop: float | None = None,
    model: PathLike | None = None,
    compute: Compute = "auto",
    jobs: int | None = None,
    engine: Engine = "local",
    refresh: bool = False,
    retry_failed: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Iterator[Row]:
    """Classify every audio file below the paths in several processes, and yield the rows.

    Rows known from an earlier run are yielded immediately, the others when they are finished.
    Closing the iterator ends the scan. The column `corrected` has the corrections of `output`.

    Args:
        paths: files, folders, playlists (m3u, m3u8, pls), globs, and fsspec URLs such as
            s3://bucket/music.
        output: file for the results, written at the end: .parquet, .csv or .jsonl. A journal next
            to it, with `.journal` appended to the name, allows an interrupted scan to continue.
            None writes neither.
        files_from: more paths, one per line or separated by NUL.
        include: patterns of files to include instead of the known extensions.
        exclude: patterns of files and folders to exclude.
        follow: follow symbolic links to folders.
        hop: seconds between steps; None selects the card's hop for files.
        model: a model file; None selects the bundled model.
        compute: see `load`.
        jobs: number of processes; None selects one per core.
        engine: "local" for processes on this machine, or "ray" for a Ray cluster. Ray needs the
            `ray` extra.
        refresh: classify all files again.
        retry_failed: classify files with an error again.
        progress: called after each event.

    Raises ConfigError, ModelFileError, OutputError, and InputError (for the corrections file)
    before the first row. If a file cannot be read, its row contains the reason.
    """
    given = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    if jobs is not None and jobs < 1:
        raise ConfigError(f"jobs must be at least 1, not {jobs}")
    if output is not None:
        check_format(output)
    if compute not in ("auto", "cpu", "cuda"):
        raise ConfigError(f"compute must be auto, cpu or cuda, not {compute!r}")
    if engine == "ray":
        check_ray()
        if compute == "cuda":
            raise ConfigError("the ray engine runs on CPU cores; omit compute")
    elif engine != "local":
        raise ConfigError(f"engine must be local or ray, not {engine!r}")
    name, data = read_model(model)
    card = read_card(data, name)
    seconds = card.hop(card.file_hop if hop is None else hop).seconds
    settings = Settings(
        model=None if model is None else _model_path(model),
        compute=compute,
        hop=seconds,
        sha256=card.sha256,
    )
    journal = None if output is None else Path(os.fspath(output) + JOURNAL)
    selection = Selection(tuple(include), tuple(exclude), follow)
    named: Iterable[str] = (os.fspath(path) for path in given)
    if files_from is not None:
        named = chain(named, read_paths(files_from))
    made_with = f"{card.sha256} {seconds:g}"
    corrections = _corrections(output)
    events: queue.Queue[Any] = queue.Queue()
    with Journal(journal, made_with, refresh, retry_failed) as opened:
        if output is not None:
            opened.add_tag_writes(read_records(Path(os.fspath(output) + SUFFIX)))
        pool: Pool
        if engine == "ray":
            shipped = None if settings.model in (None, *BUNDLED) else data
            pool = ClusterPool(settings, shipped, jobs, model_name(card), events)
        else:
            pool = ProcessPool(settings, jobs or cores(), model_name(card), events)
        run = _Scan(card, opened, pool, events, progress)
        with closing(run.rows(list_files(named, selection))) as rows:
            for row in rows:
                yield corrections.applied(row)
        if output is not None:
            with locked_corrections(output):
                corrections = _corrections(output)  # they may have changed since the start
                write_results(output, map(corrections.applied, opened.rows()), card.label_names)


def _corrections(output: PathLike | None) -> Corrections:
    found = None if output is None else read_corrections(output)
    return Corrections() if found is None else found


def cores() -> int:
    """Number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _model_path(model: PathLike) -> str:
    """Absolute path of a model file, for the workers. Names of bundled models are kept."""
    return str(Path(model).absolute()) if exists(model) else os.fspath(model)


class _Scan:
    """The state of one run."""

    def __init__(
        self,
        card: ModelCard,
        journal: Journal,
        pool: Pool,
        events: queue.Queue[Any],
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._labels, self._model = card.label_names, model_name(card)
        self._journal, self._pool, self._events = journal, pool, events
        self._on_progress = progress
        self._owner = Owner("the scan")
        self._room = threading.Semaphore(_LISTED_AHEAD)
        self._ended = False  # stops the listing thread
        self._began = time.monotonic()
        self._progress = Progress()

    def rows(self, files: Iterator[ListingEntry]) -> Generator[Row, None, None]:
        """Yield the row of each file."""
        threading.Thread(target=self._list, args=(files,), daemon=True).start()
        try:
            while True:
                self._owner.check()
                self._pool.fill(self._journal.next_waiting, self._progress.listed)
                if self._progress.listed and not self._pool.busy:
                    break
                try:
                    event = self._events.get(timeout=TICK)
                except queue.Empty:
                    event = None
                self._pool.check()
                yield from self._handle(event)
                self._update(elapsed=time.monotonic() - self._began)
            if missing := self._progress.files - self._progress.done:
                raise StreamgenreError(f"{missing} files have no row; run the same command again")
        finally:
            if self._owner.here:  # a forked process must not end the workers
                self._ended = True
                self._room.release()
                self._pool.close()

    def _list(self, files: Iterator[ListingEntry]) -> None:
        """List files in groups, up to a limit ahead of their use. Runs in a thread."""
        try:
            while group := tuple(islice(files, _LISTED_AT_ONCE)):
                self._room.acquire()
                if self._ended:
                    return
                self._events.put(_Listing(group))
            self._events.put(_Listing(None))
        except BaseException as error:
            self._events.put(_Listing(None, error))

    def _handle(self, event: Any) -> Iterator[Row]:
        if isinstance(event, _Listing):
            if event.error is not None:
                raise event.error
            if event.found is None:
                self._update(listed=True)
            else:
                self._room.release()
                yield from self._add(event.found)
            return
        for answer in self._pool.handle(event):
            if isinstance(answer, Finished):
                yield self._store(answer.file, answer.row)
            else:
                self._update(seconds=self._progress.seconds + answer.seconds)

    def _add(self, found: Sequence[ListingEntry]) -> Iterator[Row]:
        listed = [file for file in found if isinstance(file, LibraryFile)]
        for file, row in self._journal.add(listed):
            self._update(files=self._progress.files + 1)
            if row is None:
                self._update(work=self._progress.work + file.size)
            else:
                self._count(row, known=1)
                yield row
        for entry in found:
            if isinstance(entry, Unlisted):
                row = Row.failed(entry, entry.error, self._model)
                self._journal.put(entry, row, self._labels)
                unlisted = self._progress.unlisted + entry.holds_files
                self._update(files=self._progress.files + 1, unlisted=unlisted)
                self._count(row)
                yield row

    def _store(self, file: LibraryFile, row: Row) -> Row:
        row = self._journal.with_original_genre(file, row)
        self._journal.put(file, row, self._labels)
        self._update(worked=self._progress.worked + file.size)
        self._count(row)
        return row

    def _count(self, row: Row, known: int = 0) -> None:
        now = self._progress
        self._update(
            done=now.done + 1,
            known=now.known + known,
            failed=now.failed + (row.error is not None),
        )

    def _update(self, **changes: Any) -> None:
        self._progress = replace(self._progress, **changes)
        if self._on_progress is not None:
            self._on_progress(self._progress)
