"""Open a recording for a writer, with a progress bar and its warnings."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ...audio.files import open_source
from ...audio.files.raw import RawFormat
from ...audio.files.source import Source
from ...errors import one_line


@contextmanager
def opened(recording: str, raw: RawFormat | None) -> Iterator[Source]:
    """Open a recording; at the end, print its warnings to standard error."""
    source = open_source(recording, raw)
    try:
        yield source
    finally:
        source.close()
    # Only after success: an error already says the same.
    for warning in source.warnings:
        print(one_line(f"streamgenre: warning: {recording}: {warning}"), file=sys.stderr)


@contextmanager
def progress(source: Source) -> Iterator[Callable[[float], None]]:
    """Yield a function that takes the seconds read; shows a bar if standard error is a terminal."""
    if not sys.stderr.isatty():
        yield lambda seconds: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    from ..ribbon import clock

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[read]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(source.name[-40:], total=source.stated_duration, read="")
        yield lambda seconds: bar.update(task, completed=seconds, read=clock(seconds))
