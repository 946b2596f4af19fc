"""Classify many files in one process: a thread decodes while the network steps several at once.

The files that are open take turns of one hop, so that their steps fill batches. Memory is bounded
by the number of open files.
"""

from __future__ import annotations

import math
import queue
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from ..audio.address import Recording
from ..audio.files import open_recording
from ..audio.files.source import Gap, Source
from ..errors import SignalError, StreamgenreError, first_line
from ..model.model import Model
from ..model.timeline import Timeline
from ..update import Segment, Update
from .row import LibraryFile, Row, Tags, model_name, shown_path
from .tags import read_tags

Supply = queue.SimpleQueue[LibraryFile | None]
"""Files to read; None: there are no more."""
BATCH = 8
"""Files open at once. More gain little: a step of 8 costs 0.75 of 8 steps, one of 16 0.72."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Seconds of audio that were read since the last one, in whichever file."""

    seconds: float


class _Opened:
    """A file in the decoding thread."""

    def __init__(self, file: LibraryFile) -> None:
        self.file = file
        self.tags = Tags()
        self.refused = False
        """Set by the network's thread: no more samples are wanted."""
        self._source: Source | None = None
        self._blocks: Iterator[NDArray[np.float32] | Gap] = iter(())

    def turn(self, seconds: float) -> Iterator[_Samples | _End]:
        """The next samples, of about that many seconds, or the end."""
        try:
            if self._source is None:
                self.tags = read_tags(self.file.path)
                self._source = open_recording(Recording(self.file.path))
                self._blocks = self._source.blocks()
            done = 0.0
            while done < seconds:
                block = None if self.refused else next(self._blocks, None)
                if block is None:
                    warnings = tuple(self._source.warnings)
                    self._source.close()
                    yield _End(self, warnings=warnings)
                    return
                if isinstance(block, Gap):
                    continue  # of network streams only
                done += len(block) / self._source.sample_rate
                yield _Samples(self, block, self._source.sample_rate)
        except Exception as error:  # whatever a decoder raises is this file's
            if self._source is not None:
                self._source.close()
            yield _End(self, error=_reason(error, self.file.path))


@dataclass(frozen=True, slots=True)
class _Samples:
    opened: _Opened
    block: NDArray[np.float32]
    rate: int


@dataclass(frozen=True, slots=True)
class _End:
    opened: _Opened
    warnings: tuple[str, ...] = ()
    error: str | None = None


def _decode(files: Supply, parts: queue.Queue[_Samples | _End | None], seconds: float) -> None:
    """Read files in turns of so many seconds, BATCH of them at a time."""
    opened: deque[_Opened] = deque()
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
                opened.append(_Opened(file))
        if not opened:
            continue
        reading = opened.popleft()
        ended = False
        for part in reading.turn(seconds):
            parts.put(part)
            ended = isinstance(part, _End)
        if not ended:
            opened.append(reading)
    parts.put(None)


class _Track:
    """What was heard of a file so far."""

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
    model: Model, files: Supply, hop: float
) -> Iterator[tuple[LibraryFile, Row] | Heard]:
    """The row of each file as it is finished, and now and then what was heard.

    `hop`: seconds, one of the card's.
    """
    pool = model.pool(hop, batch=BATCH, patience=math.inf)
    parts: queue.Queue[_Samples | _End | None] = queue.Queue(4 * BATCH)
    threading.Thread(target=_decode, args=(files, parts, hop), daemon=True).start()
    streams = {}
    tracks: dict[int, _Track] = {}
    heard = 0.0

    def collect(everything: bool) -> None:
        for stream, update in pool.collect(everything):
            if (track := tracks.get(id(stream))) is not None and track.error is None:
                track.append(update)

    while (part := parts.get()) is not None:
        opened = part.opened
        stream = streams.get(opened)
        if isinstance(part, _Samples):
            if stream is None:
                stream = streams[opened] = pool.stream()
                tracks[id(stream)] = _Track(model, hop)
            track = tracks[id(stream)]
            if track.error is None:
                try:
                    stream.feed(part.block, part.rate)
                except SignalError as error:
                    track.error, opened.refused = str(error), True
            heard += len(part.block) / part.rate
            # Steps wait until all open files have one, or until a batch is full.
            collect(pool.waiting >= len(streams))
            if heard >= 1.0:
                yield Heard(heard)
                heard = 0.0
            continue
        error = part.error
        track = _Track(model, hop)
        if stream is not None:
            track = tracks[id(stream)]
            if track.error is None and error is None:
                try:
                    stream.flush()
                except SignalError as failed:
                    track.error = str(failed)
            collect(False)
            error = error or track.error
            del streams[opened], tracks[id(stream)]
        elif error is None:
            because = f" ({'; '.join(part.warnings)})" if part.warnings else ""
            error = f"holds no audio{because}"
        yield opened.file, _row(model, opened, track, error)


def _row(model: Model, opened: _Opened, track: _Track, error: str | None) -> Row:
    file, name = opened.file, model_name(model.card)
    tags = asdict(opened.tags)
    path, modified = shown_path(file.path), file.modified / 1e9
    if error is not None:
        return Row(path, file.size, modified, **tags, error=error, model=name)
    timeline = track.timeline
    verdict = timeline.verdict()
    return Row(
        path=path,
        size=file.size,
        mtime=modified,
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
        **tags,
        model=name,
    )


def _rounded(probability: float) -> float:
    return round(probability, 4)


def _reason(error: Exception, path: str) -> str:
    """The cause without the path, which has a column of its own."""
    if isinstance(error, StreamgenreError):
        return str(error).removeprefix(f"{path}: ")
    return f"{type(error).__name__}: {first_line(error)}"
