"""Classify many files in one process: a thread decodes while the network runs batches.

The open files are decoded round-robin, one hop at a time, so that their steps form batches. Memory
is bounded by the number of open files.
"""

from __future__ import annotations

import math
import queue
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..audio.address import Recording
from ..audio.files import open_recording, open_source
from ..audio.files.byteio import COPY_AGAIN
from ..audio.files.source import Gap, Source, no_audio
from ..errors import SignalError, StreamgenreError, first_line
from ..model.model import Model
from ..model.pool import PooledStream
from ..model.timeline import Timeline
from ..update import Segment, Update
from .remote import is_remote, open_binary
from .row import LibraryFile, Row, Tags, model_name, shown_path
from .tags import read_tags

FileQueue = queue.SimpleQueue[LibraryFile | None]
"""Queue of files to read; None marks the end."""
BATCH = 8
"""Number of open files. Larger batches gain little: per step, a batch of 8 takes 0.75 of the time
of single steps, and a batch of 16 takes 0.72."""


@dataclass(frozen=True, slots=True)
class AudioRead:
    """Seconds of audio read from all files since the previous report."""

    seconds: float


_REPORT_AFTER = 30.0  # s of audio


class _OpenFile:
    """An open file in the decoding thread."""

    def __init__(self, file: LibraryFile) -> None:
        self.file = file
        self.tags = Tags()
        self.rejected = False
        """Set by the other thread if it accepts no more samples of this file."""
        self._source: Source | None = None
        self._remote: BinaryIO | None = None
        self._blocks: Iterator[NDArray[np.float32] | Gap] = iter(())

    def read(self, seconds: float) -> Iterator[_Samples | _End]:
        """Decode about `seconds` of audio, up to the end of the file."""
        try:
            if self._source is None:
                self.tags = read_tags(self.file.path)
                if is_remote(self.file.path):
                    self._remote = open_binary(self.file.path)
                    self._source = open_source(self._remote)
                else:
                    self._source = open_recording(Recording(self.file.path))
                self._blocks = self._source.blocks()
            done = 0.0
            while done < seconds:
                block = None if self.rejected else next(self._blocks, None)
                if block is None:
                    warnings = tuple(self._source.warnings)
                    self._close()
                    yield _End(self, warnings=warnings)
                    return
                if isinstance(block, Gap):
                    continue  # only network streams have gaps
                done += len(block) / self._source.sample_rate
                yield _Samples(self, block, self._source.sample_rate)
        except Exception as error:  # an error of a decoder affects only this file
            names = (self.file.path, getattr(self._remote, "name", ""), "<stream>")
            self._close()
            yield _End(self, error=_reason(error, names))

    def _close(self) -> None:
        for opened in (self._source, self._remote):
            if opened is not None:
                opened.close()


@dataclass(frozen=True, slots=True)
class _Samples:
    opened: _OpenFile
    block: NDArray[np.float32]
    rate: int


@dataclass(frozen=True, slots=True)
class _End:
    opened: _OpenFile
    warnings: tuple[str, ...] = ()
    error: str | None = None


def _decode(files: FileQueue, parts: queue.Queue[_Samples | _End | None], seconds: float) -> None:
    """Decode BATCH files at a time, round-robin, `seconds` of audio per turn."""
    opened: deque[_OpenFile] = deque()
    more = True
    while opened or more:
        while more and len(opened) < BATCH:
            try:
                file = files.get(block=not opened)
            except queue.Empty:
                break
            if file is None:
                more = False
            else:
                opened.append(_OpenFile(file))
        if not opened:
            continue
        current = opened.popleft()
        ended = False
        for part in current.read(seconds):
            parts.put(part)
            ended = isinstance(part, _End)
        if not ended:
            opened.append(current)
    parts.put(None)


class _Track:
    """The accumulated results of a file."""

    def __init__(self, model: Model, hop: float) -> None:
        self.timeline = Timeline(model.card, hop)
        self.error: str | None = None
        self._speech = self._sounding = 0.0  # s
        self._has_speech = False

    def append(self, update: Update) -> None:
        seconds = update.time - self.timeline.duration
        if update.speech is not None:
            self._has_speech = True
            self._speech += update.speech * seconds
        self._sounding += seconds
        self.timeline.append(update)

    @property
    def speech(self) -> float | None:
        """Mean probability of speech."""
        return self._speech / self._sounding if self._has_speech and self._sounding else None


def classify_files(
    model: Model, files: FileQueue, hop: float
) -> Iterator[tuple[LibraryFile, Row] | AudioRead]:
    """Yield the row of each finished file, and regular reports of the amount of audio read.

    `hop`: seconds; one of the hops of the model card.
    """
    parts: queue.Queue[_Samples | _End | None] = queue.Queue(4 * BATCH)
    threading.Thread(target=_decode, args=(files, parts, hop), daemon=True).start()
    tracks = _Tracks(model, hop)
    seconds = 0.0
    while (part := parts.get()) is not None:
        if isinstance(part, _Samples):
            tracks.feed(part)
            seconds += len(part.block) / part.rate
            if seconds >= _REPORT_AFTER:
                yield AudioRead(seconds)
                seconds = 0.0
        else:
            row = tracks.finish(part)
            yield AudioRead(seconds)
            seconds = 0.0
            yield part.opened.file, row


class _Tracks:
    """The streams of all open files, in the thread that runs the network."""

    def __init__(self, model: Model, hop: float) -> None:
        self._model, self._hop = model, hop
        self._pool = model.pool(hop, batch=BATCH, patience=math.inf)
        self._streams: dict[_OpenFile, PooledStream] = {}
        self._tracks: dict[PooledStream, _Track] = {}

    def feed(self, part: _Samples) -> None:
        """Feed samples, and run a batch if it is complete."""
        stream = self._streams.get(part.opened)
        if stream is None:
            stream = self._streams[part.opened] = self._pool.stream()
            self._tracks[stream] = _Track(self._model, self._hop)
        track = self._tracks[stream]
        if track.error is None:
            try:
                stream.feed(part.block, part.rate)
            except SignalError as error:
                track.error, part.opened.rejected = str(error), True
        # A batch is complete if it is full, or if each open file has a step in it.
        self._collect(self._pool.waiting >= len(self._streams))

    def finish(self, end: _End) -> Row:
        """Return the row of a file that ended or failed."""
        stream = self._streams.pop(end.opened, None)
        if stream is None:
            return _failed(self._model, end.opened, end.error or no_audio(end.warnings))
        track = self._tracks[stream]
        error = end.error or track.error
        if error is None:
            try:
                stream.flush()
            except SignalError as failed:
                error = str(failed)
        self._collect(False)
        del self._tracks[stream]
        if error is not None:
            return _failed(self._model, end.opened, error)
        return _row(self._model, end.opened, track)

    def _collect(self, everything: bool) -> None:
        for stream, update in self._pool.collect(everything):
            if (track := self._tracks.get(stream)) is not None:  # None after a failure
                track.append(update)


def _failed(model: Model, opened: _OpenFile, error: str) -> Row:
    tags = asdict(opened.tags)
    return replace(Row.failed(opened.file, error, model_name(model.card)), **tags)


def _row(model: Model, opened: _OpenFile, track: _Track) -> Row:
    file, timeline = opened.file, track.timeline
    verdict = timeline.verdict()
    return Row(
        path=shown_path(file.path),
        size=file.size,
        mtime=file.modified / 1e9,
        duration=round(timeline.duration, 3),
        status=verdict.status,
        genre=verdict.genre,
        confidence=_rounded(verdict.confidence),
        probabilities={label: _rounded(p) for label, p in verdict.probabilities.items()},
        styles={style: _rounded(p) for style, p in timeline.styles.items()},
        music=_rounded(verdict.music),
        speech=None if track.speech is None else _rounded(track.speech),
        segments=tuple(
            Segment(round(s.start, 3), round(s.end, 3), s.status, s.genre, _rounded(s.confidence))
            for s in timeline.segments
        ),
        **asdict(opened.tags),
        model=model_name(model.card),
    )


def _rounded(probability: float) -> float:
    return round(probability, 4)


def _reason(error: Exception, names: Sequence[str]) -> str:
    """The error message without the path, which has its own column."""
    if isinstance(error, StreamgenreError):
        text = str(error)
        for name in filter(None, names):
            text = text.removeprefix(f"{name}: ")
        return text
    return f"{type(error).__name__}: {first_line(error)}; {COPY_AGAIN}"
