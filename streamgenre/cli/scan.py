"""`streamgenre scan`: classify a whole library into a table."""

from __future__ import annotations

import glob
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from ..audio.address import scheme
from ..durations import clock
from ..errors import InputError, one_line
from ..wording import counted
from .options import compute_option, model_option

if TYPE_CHECKING:
    from ..library.scan import Progress

_EVERY = 30.0  # s between lines of progress without a terminal
_MAX_ERRORS = 20  # printed; the table contains all


@click.command(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="A journal is kept next to the results (OUTPUT.journal). After an interruption, or when "
    "files were added, run the same command again. Only new and changed files are classified.",
)
@click.argument("paths", metavar="PATH...", nargs=-1, type=click.Path(path_type=str))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("genres.parquet"),
    show_default=True,
    help="The table, with the extension .parquet, .csv or .jsonl.",
)
@click.option(
    "--files-from",
    type=click.File("rb"),
    metavar="FILE",
    help="Read more paths from a file, or - for standard input, one per line or separated by NUL.",
)
@click.option(
    "--include",
    multiple=True,
    metavar="PATTERN",
    help="Classify matching files instead of those with an audio or video extension. Can be "
    "repeated.",
)
@click.option(
    "--exclude",
    multiple=True,
    metavar="PATTERN",
    help="Skip matching files and folders. Can be repeated.",
)
@click.option("--follow", is_flag=True, help="Follow symbolic links to folders.")
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Processes.  [default: cores]")
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Run on this machine or on a Ray cluster (RAY_ADDRESS).",
)
@click.option("--hop", type=float, metavar="S", help="Seconds between steps; see `info`.")
@click.option("--refresh", is_flag=True, help="Classify all files again.")
@click.option("--retry-failed", is_flag=True, help="Classify files with an error again.")
@model_option
@compute_option
def command(
    paths: tuple[str, ...],
    output: Path,
    files_from: BinaryIO | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    follow: bool,
    jobs: int | None,
    engine: Any,
    hop: float | None,
    refresh: bool,
    retry_failed: bool,
    model: Path | None,
    compute: Any,
) -> int:
    """Classify every audio file below each PATH into a table with one row per file.

    PATH is a folder, a file, a playlist of files (m3u, m3u8, pls), a glob, or an fsspec URL such as
    s3://bucket/music. If a file cannot be read, its row contains the reason.
    """
    if not paths and files_from is None:
        raise click.UsageError("pass a folder, or --files-from")
    if output.is_dir():
        raise click.UsageError(f"{output}: is a folder; choose a file in it")
    from ..library.journal import JOURNAL
    from ..library.results import check_format
    from ..library.scan import scan
    from . import interrupt

    interrupt.patience = 5.0  # s to end the workers
    check_format(output)
    if engine == "ray":
        from ..library.cluster import check_ray

        check_ray()
        interrupt.patience = 20.0  # Ray needs longer
    for path in paths:
        if not (scheme(path) or os.path.lexists(path) or glob.has_magic(path)):
            raise InputError(f"{path}: no such file or folder; check the path")
    last: Progress | None = None
    errors = old_errors = 0
    try:
        with _display() as (show, print_line):

            def progress(now: Progress) -> None:
                nonlocal last
                last = now
                show(now)

            rows = scan(
                paths,
                output=output,
                files_from=files_from,
                include=include,
                exclude=exclude,
                follow=follow,
                hop=hop,
                model=model,
                compute=compute,
                jobs=jobs,
                engine=engine,
                refresh=refresh,
                retry_failed=retry_failed,
                progress=progress,
            )
            known = 0
            for row in rows:
                from_journal = last is not None and last.known > known
                known = 0 if last is None else last.known
                if row.error is not None and from_journal:
                    old_errors += 1  # printed by the run that classified the file
                elif row.error is not None:
                    errors += 1
                    if errors <= _MAX_ERRORS:
                        print_line(one_line(f"streamgenre: {row.path}: {row.error}"))
                    elif errors == _MAX_ERRORS + 1:
                        print_line("streamgenre: further errors are in the table only")
    except (KeyboardInterrupt, SystemExit):
        if last is not None:
            click.echo(
                f"streamgenre: interrupted; {output}{JOURNAL} keeps the results of "
                f"{last.done:,} files; run the same command again to continue",
                err=True,
            )
        raise
    if last is None or not last.files:
        click.echo("streamgenre: no audio files found; see --include", err=True)
        return 0
    click.echo(f"{output}: {_summary(last, old_errors)}")
    # Files in a folder that cannot be listed have no rows.
    return InputError.exit_code if last.unlisted else 0


@contextmanager
def _display() -> Iterator[tuple[Callable[[Progress], None], Callable[[str], None]]]:
    """Yield a function that shows the progress, and one that prints a line above it.

    On a terminal, the progress is a line that is updated. Otherwise, a line is printed regularly.
    """
    if sys.stderr.isatty():
        from rich.live import Live
        from rich.text import Text

        from ..output.console import Console

        console = Console(sys.stderr)
        with Live(console=console, transient=True, refresh_per_second=4) as live:
            yield (
                lambda now: live.update(Text(progress_line(now), overflow="ellipsis")),
                lambda line: console.print(Text(line), soft_wrap=True),
            )
        return
    shown = time.monotonic()

    def show(now: Progress) -> None:
        nonlocal shown
        if time.monotonic() - shown >= _EVERY:
            shown = time.monotonic()
            click.echo(f"streamgenre: {progress_line(now)}", err=True)

    yield show, lambda line: click.echo(line, err=True)


def progress_line(now: Progress) -> str:
    """Format the progress: files, hours, speed, errors and remaining time."""
    total = f"{now.files:,}" if now.listed else f"{now.files:,}+"
    parts = [f"{now.done:,} of {total} files", _audio(now)]
    if now.elapsed > 1 and now.seconds:
        parts.append(_speed(now))
    parts.append(counted(now.failed, "error"))
    if now.left is not None:
        parts.append(f"{_duration(now.left)} left")
    return ", ".join(parts)


def _summary(now: Progress, old_errors: int) -> str:
    """Format the result. `old_errors`: number of errors in rows of earlier runs."""
    parts = [counted(now.done, "file")]
    if now.failed:
        parts.append(f"{now.failed:,} with an error")
    if not now.known:
        return ", ".join([*parts, *_work(now)])
    new = now.done - now.known
    this_run = ", ".join([f"{new:,} classified in this run", *_work(now)])
    summary = f"{', '.join(parts)}; {now.known:,} unchanged since an earlier run, {this_run}"
    if old_errors:
        summary += f"; --retry-failed reads the {counted(old_errors, 'earlier error')} again"
    return summary


def _work(now: Progress) -> list[str]:
    if not now.seconds:
        return []
    return [f"{_audio(now)} in {_duration(now.elapsed)} ({_speed(now)})"]


def _audio(now: Progress) -> str:
    hours = now.seconds / 3600
    return f"{hours:,.1f} h of audio" if hours >= 1 else f"{clock(now.seconds)} of audio"


def _speed(now: Progress) -> str:
    speed = now.seconds / max(now.elapsed, 1e-3)
    return f"{speed:,.0f} x real time" if speed >= 10 else f"{speed:.1f} x real time"


def _duration(seconds: float) -> str:
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}"
