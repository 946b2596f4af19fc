"""Open a recording for a writer, with a progress bar and warnings."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from ...audio.address import Recording, shown
from ...audio.files import open_recording
from ...audio.files.raw import RawFormat
from ...audio.files.source import Source
from ...durations import clock
from ...errors import one_line


@contextmanager
def opened(
    recording: Recording, raw: RawFormat | None, reconnect: bool = False
) -> Iterator[Source]:
    """Open a recording. At the end, its warnings are printed to standard error."""
    source = open_recording(recording, raw, reconnect)
    try:
        yield source
    finally:
        source.close()
    # Only after success, since an error already states the reason.
    for warning in source.warnings:
        print(one_line(f"streamgenre: warning: {recording.name}: {warning}"), file=sys.stderr)


class ShowProgress(Protocol):
    """Shows the seconds read so far, and the current genre."""

    def __call__(self, seconds: float, playing: str = "") -> None: ...


@dataclass
class Run:
    """The recordings of one command: total and finished ones."""

    total: int = 1
    done: int = 0
    began: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> str:
        """Estimated time left, assuming similar recordings; empty if unknown."""
        if not self.done:
            return ""
        seconds = (time.monotonic() - self.began) / self.done * (self.total - self.done)
        return f"about {clock(seconds)} left"


@dataclass(frozen=True)
class Options:
    """Options for reading and writing recordings."""

    run: Run = field(default_factory=Run)
    reconnect: bool = False
    """See `open_source`."""
    min_segment: float = 0.0
    """See `Timeline.min_segment`."""
    embed: bool = False
    """Whether the recording is embedded in an HTML page."""
    in_folder: bool = False
    """Whether each recording has its own file."""


@contextmanager
def progress(source: Source, run: Run) -> Iterator[ShowProgress]:
    """Yield a function that shows a progress bar if standard error is a terminal."""

    def show(seconds: float, playing: str = "") -> None:
        if task is not None:
            bar.update(task, completed=seconds, read=f"{clock(seconds)}  {playing}".rstrip())

    task = None
    if not sys.stderr.isatty():
        yield show
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from ..console import Console

    many = run.total > 1
    console = Console(stderr=True)
    columns = [
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=min(20, console.width // 6)),
        TextColumn("{task.fields[read]}", markup=False),
        TextColumn(run.left, markup=False) if many else TimeRemainingColumn(),
    ]
    if source.stated_duration is None and not many:  # the end is unknown
        columns.pop()
    place = f"{run.done + 1} of {run.total}  " if many else ""
    with Progress(*columns, console=console, transient=True) as bar:
        name = one_line(shown(source.name))[-min(30, console.width // 3) :]
        task = bar.add_task(place + name, total=source.stated_duration, read="")
        yield show
