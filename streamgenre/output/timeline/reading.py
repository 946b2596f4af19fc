"""Open a recording for a writer, with a progress bar and its warnings."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from ...audio.files import open_source
from ...audio.files.raw import RawFormat
from ...audio.files.source import Source
from ...errors import one_line


@contextmanager
def opened(recording: str, raw: RawFormat | None, reconnect: bool = False) -> Iterator[Source]:
    """Open a recording; at the end, print its warnings to standard error."""
    source = open_source(recording, raw, reconnect)
    try:
        yield source
    finally:
        source.close()
    # Only after success: an error already says the same.
    for warning in source.warnings:
        print(one_line(f"streamgenre: warning: {recording}: {warning}"), file=sys.stderr)


class ShowProgress(Protocol):
    """Takes the seconds read so far, and what plays."""

    def __call__(self, seconds: float, playing: str = "") -> None: ...


@contextmanager
def progress(source: Source) -> Iterator[ShowProgress]:
    """Yield a function that shows the progress, with a bar, if standard error is a terminal."""

    def show(seconds: float, playing: str = "") -> None:
        if task is not None:
            bar.update(task, completed=seconds, read=f"{clock(seconds)}  {playing}".rstrip())

    task = None
    if not sys.stderr.isatty():
        yield show
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    from ..ribbon import clock

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[read]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(source.name[-40:], total=source.stated_duration, read="")
        yield show
