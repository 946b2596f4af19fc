"""Scan a library: list its files, classify them in worker processes, and store their rows.

A thread lists the files while workers run. The journal is the queue, so memory does not grow with
the number of files. If a worker crashes, each of its files is retried alone. If the worker crashes
again, this is the error of that file.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

from .. import errors
from ..errors import ConfigError, StreamgenreError
from ..model.card import ModelCard, read_card
from ..model.model import Compute, read_model
from .corrections import Corrections, read_corrections
from .journal import JOURNAL, Journal
from .listing import Found, Selection, list_files, read_paths
from .process import Message, WorkerProcess
from .reading import BATCH
from .results import check_format, write_results
from .row import LibraryFile, Row, Unlisted, model_name
from .tagging.record import SUFFIX, read_records
from .worker import Settings

FILES_AT_WORKER = 2 * BATCH  # files: those that are open, and as many that are next
_LISTED_AT_ONCE, _LISTED_AHEAD = 500, 8
_STALLED = 600.0  # s without a message after which a worker with files has stalled
_LEAST_WORKED, _LEAST_SHARE = 2e8, 0.05  # bytes, and share of all, before time left is estimated
_LIFETIME = 10_000  # files after which a worker is replaced, since C libraries may leak memory
_TICK = 1.0  # s, longest wait for an event

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
        """Estimated seconds left; None while unknown."""
        if not self.listed or self.worked < min(_LEAST_WORKED, _LEAST_SHARE * self.work):
            return None
        if not self.worked:
            return 0.0
        return self.elapsed * (self.work - self.worked) / self.worked


@dataclass(frozen=True, slots=True)
class _Listed:
    """Files from the listing, None at the end, or an error."""

    found: tuple[Found, ...] | None
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
    refresh: bool = False,
    retry_failed: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Iterator[Row]:
    """Classify every audio file below the paths in several processes, and yield the rows.

    Rows of an earlier run come first, the others as they are finished. Closing the iterator ends
    the scan.

    Corrections beside `output` are in the column `corrected`.

    Args:
        paths: files, folders and playlists (m3u, m3u8, pls).
        output: where to write the results at the end: .parquet, .csv or .jsonl. A journal beside
            it, with `.journal` appended to the name, allows an interrupted scan to continue. None:
            neither is written.
        files_from: more paths, one per line, or separated by NUL.
        include: patterns of file names to take instead of the known extensions.
        exclude: patterns of files and folders to leave out.
        follow: follow symbolic links to folders.
        hop: seconds between steps; None selects the card's hop for files.
        model: a model file; None selects the bundled model.
        compute: see `load`.
        jobs: number of processes; None selects one per core.
        refresh: classify all files again.
        retry_failed: classify files with an error again.
        progress: called after each event.

    Raises ConfigError, ModelFileError, OutputError, and InputError (of the corrections file) before
    the first row. A file that cannot be read is not an error; its row has the reason.
    """
    given = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    if jobs is not None and jobs < 1:
        raise ConfigError(f"jobs must be at least 1, not {jobs}")
    if output is not None:
        check_format(output)
    if compute not in ("auto", "cpu", "cuda"):
        raise ConfigError(f"compute must be auto, cpu or cuda, not {compute!r}")
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
    with Journal(journal, made_with, refresh, retry_failed) as opened:
        if output is not None:
            opened.learn(read_records(Path(os.fspath(output) + SUFFIX)))
        run = _Scan(card, settings, opened, jobs or cores(), progress)
        with closing(run.rows(list_files(named, selection))) as rows:
            for row in rows:
                yield corrections.applied(row)
        if output is not None:
            corrections = _corrections(output)  # some may have been made since the start
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
    """The absolute path for the workers; names of bundled models stay as they are."""
    return str(Path(model).absolute()) if Path(model).exists() else os.fspath(model)


class _Scan:
    """The state of one run."""

    def __init__(
        self,
        card: ModelCard,
        settings: Settings,
        journal: Journal,
        jobs: int,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._labels, self._model = card.label_names, model_name(card)
        self._settings, self._journal, self._jobs = settings, journal, jobs
        self._tell = progress
        self._events: queue.Queue[Any] = queue.Queue()
        self._room = threading.Semaphore(_LISTED_AHEAD)
        self._ended = False  # tells the listing thread to stop
        self._workers: list[WorkerProcess] = []
        self._suspects: deque[LibraryFile] = deque()  # to be retried alone
        self._next: LibraryFile | None = None  # waits for a worker
        self._began = time.monotonic()
        self._progress = Progress()

    def rows(self, files: Iterator[Found]) -> Generator[Row, None, None]:
        """Yield the row of each file until all have one."""
        threading.Thread(target=self._list, args=(files,), daemon=True).start()
        looked = time.monotonic()
        try:
            while True:
                self._hand_out()
                if self._progress.listed and not self._in_flight():
                    break
                try:
                    event = self._events.get(timeout=_TICK)
                except queue.Empty:
                    event = None
                now = time.monotonic()
                self._end_stalled(now, slept=now - looked > 10 * _TICK)
                looked = now
                yield from self._take(event)
                self._update(elapsed=now - self._began)
            if missing := self._progress.files - self._progress.done:
                raise StreamgenreError(f"{missing} files have no row; run the same command again")
        finally:
            self._ended = True
            self._room.release()
            for worker in self._workers:
                worker.close()

    def _list(self, files: Iterator[Found]) -> None:
        """Runs in a thread: list files in groups, with a limited number in advance."""
        try:
            while group := tuple(islice(files, _LISTED_AT_ONCE)):
                self._room.acquire()
                if self._ended:
                    return
                self._events.put(_Listed(group))
            self._events.put(_Listed(None))
        except BaseException as error:
            self._events.put(_Listed(None, error))

    def _in_flight(self) -> bool:
        at_workers = any(worker.files for worker in self._workers)
        return bool(at_workers or self._suspects or self._next)

    def _take(self, event: Any) -> Iterator[Row]:
        if isinstance(event, _Listed):
            if event.error is not None:
                raise event.error
            if event.found is None:
                self._update(listed=True)
            else:
                self._room.release()
                yield from self._found(event.found)
        elif isinstance(event, Message):
            if event.content is None:
                if event.worker in self._workers:
                    yield from self._lost(event.worker)
            else:
                yield from self._message(event.worker, event.content)

    def _found(self, found: Sequence[Found]) -> Iterator[Row]:
        listed = [file for file in found if isinstance(file, LibraryFile)]
        for file, row in self._journal.found(listed):
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

    def _message(self, worker: WorkerProcess, content: dict[str, Any]) -> Iterator[Row]:
        worker.last = time.monotonic()
        if "failed" in content:
            kind = getattr(errors, content["kind"] or "StreamgenreError")
            raise kind(content["failed"])
        if "ready" in content:
            worker.ready = True
        if "seconds" in content:
            self._update(seconds=self._progress.seconds + content["seconds"])
        if "row" in content:
            file = worker.files.pop(content["file"]["path"])
            worker.alone = False
            yield self._finished(file, Row.of(content["row"]))

    def _lost(self, worker: WorkerProcess) -> Iterator[Row]:
        """Handle the end of a worker: its files are retried one at a time."""
        self._workers.remove(worker)
        cause = worker.cause()  # waits for its end
        worker.close()
        if not worker.ready:
            raise StreamgenreError(
                f"a worker ended during its start ({cause}); run streamgenre doctor"
            )
        for file in worker.files.values():
            if worker.alone:
                error = f"ended the process that read it ({cause}); the file may be damaged"
                yield self._finished(file, Row.failed(file, error, self._model))
            else:
                self._suspects.append(file)

    def _finished(self, file: LibraryFile, row: Row) -> Row:
        row = self._journal.with_own_genre(file, row)
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
        if self._tell is not None:
            self._tell(self._progress)

    def _hand_out(self) -> None:
        """Assign files to workers evenly."""
        for old in [one for one in self._workers if one.given >= _LIFETIME and not one.files]:
            self._workers.remove(old)
            old.close()
        while self._suspects and (worker := self._idle()) is not None:
            worker.alone = True
            worker.give(self._suspects.popleft())
        while True:
            self._next = self._next or self._journal.next_waiting()
            if self._next is None or (worker := self._with_room()) is None:
                return
            worker.give(self._next)
            self._next = None

    def _idle(self) -> WorkerProcess | None:
        """A worker without files; starts a new one if possible."""
        for worker in self._workers:
            if not worker.files and worker.given < _LIFETIME:
                return worker
        return self._start() if len(self._workers) < self._jobs else None

    def _with_room(self) -> WorkerProcess | None:
        """The worker with the fewest files."""
        if (worker := self._idle()) is not None:
            return worker
        free = [
            one
            for one in self._workers
            if not one.alone and len(one.files) < FILES_AT_WORKER and one.given < _LIFETIME
        ]
        return min(free, key=lambda one: len(one.files), default=None)

    def _start(self) -> WorkerProcess:
        worker = WorkerProcess(self._settings, self._events)
        self._workers.append(worker)
        return worker

    def _end_stalled(self, now: float, slept: bool) -> None:
        """Kill workers that hang. `slept`: this process was suspended, and so were they."""
        for worker in self._workers:
            if slept:
                worker.last = now
            elif worker.ready and worker.files and now - worker.last > _STALLED:
                worker.kill(f"no progress in {_STALLED:g} s")
