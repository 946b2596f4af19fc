"""`streamgenre radio`: monitor many radio stations and log what they play."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from ..durations import parse_duration
from ..errors import InputError, OutputError, one_line, reason
from . import interrupt
from .options import compute_option, model_option

if TYPE_CHECKING:
    from ..model.card import ModelCard
    from ..radio.log import Entry
    from ..radio.monitor import Radio, View

    _Write = Callable[[Sequence[Entry]], None]
    _Show = Callable[[Sequence[View]], None]

_PATIENCE = 10.0  # s to close all connections after Ctrl-C
_REFRESH = 0.5  # s between updates of the table


class _Duration(click.ParamType):  # type: ignore[type-arg]  # no generic before click 8.2
    """A duration such as 90, 60s, 15m or 1h30m."""

    name = "DURATION"

    def convert(self, value: Any, param: Any, context: Any) -> float:
        if isinstance(value, float):
            return value
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, context)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("lists", metavar="LIST...", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Append the log to a file instead of standard output.",
)
@click.option(
    "--interval",
    type=_Duration(),
    default="60s",
    show_default=True,
    help="Maximum time between two lines of a station.",
)
@click.option(
    "--for",
    "listen",
    type=_Duration(),
    help="Listen to each station for this time.  [default: no limit]",
)
@click.option("--every", type=_Duration(), help="With --for: time between two starts of a station.")
@click.option("--hop", type=float, metavar="S", help="Seconds between steps; see `info`.")
@model_option
@compute_option
def command(
    lists: tuple[str, ...],
    output: Path | None,
    interval: float,
    listen: float | None,
    every: float | None,
    hop: float | None,
    model: Path | None,
    compute: Any,
) -> int:
    """Listen to many radio stations at once and log what each of them plays.

    A LIST is a playlist of stations (m3u, pls; a file or an address), or the address of a station.
    The log has one JSON line for each change, and regular lines in between. Connections that fail
    are retried. Press Ctrl-C to stop.
    """
    if every is not None and listen is None:
        raise click.UsageError("--every needs --for, the time to listen to each station")
    if every is not None and listen is not None and every <= listen:
        raise click.UsageError("--every must be longer than --for")
    if output is not None and output.is_dir():
        raise click.UsageError(f"{output}: is a folder; choose a file in it")
    from ..model.model import load
    from ..radio.monitor import Radio, Schedule
    from ..radio.stations import read_stations

    loaded = load(model, compute)
    if hop is not None:
        loaded.card.hop(hop)  # fail before any work
    stations, errors = read_stations(lists)
    for error in errors:
        click.echo(f"streamgenre: {one_line(error)}", err=True)
    if not stations:
        raise InputError("there are no stations to listen to; pass a playlist or addresses")
    interrupt.patience = _PATIENCE
    schedule = Schedule(listen, every)
    with _display(loaded.card) as show, _log(output, show is not None) as write:
        radio = Radio(stations, loaded, hop, interval=interval, schedule=schedule)
        try:
            _follow(radio, write, show)
        finally:
            interrupt.hanging = not radio.close()
            if isinstance(sys.exc_info()[1], (KeyboardInterrupt, SystemExit)):
                write(radio.take())
                if output is not None and str(output) != "-":
                    click.echo(f"streamgenre: interrupted; the log is in {output}", err=True)
            if radio.lost:
                click.echo(
                    f"streamgenre: {radio.lost:,} log lines were dropped because writing was too "
                    "slow",
                    err=True,
                )
    return InputError.exit_code if errors else 0


def _follow(radio: Radio, write: _Write, show: _Show | None) -> None:
    """Write the log and show the stations until the schedule has ended."""
    while True:
        entries = radio.take(_REFRESH)
        write(entries)
        if show is not None:
            show(radio.views)
        if not entries and radio.ended:
            return


@contextmanager
def _log(output: Path | None, shown: bool) -> Iterator[_Write]:
    """Yield a function that writes entries as lines and flushes them.

    If standard output is the terminal that shows the table, the log is only written with -o.
    """
    if output is None and shown and sys.stdout.isatty():
        click.echo("streamgenre: no log is written; add -o radio.jsonl to write one", err=True)
        yield lambda entries: None
        return
    if output is None or str(output) == "-":
        yield lambda entries: _write(sys.stdout, entries)
        return
    from ..output.sinks.log import end_last_line

    if output.is_fifo():  # opening it would wait for a reader
        raise OutputError(f"{output}: is a named pipe; write to standard output for pipes")
    try:
        end_last_line(output)
        file = output.open("a", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise OutputError(
            f"{output}: {reason(error)}; choose a file in a writable folder"
        ) from None

    def write(entries: Sequence[Entry]) -> None:
        try:
            _write(file, entries)
        except OSError as error:
            raise OutputError(f"{output}: cannot be written: {reason(error)}") from None

    try:
        yield write
    finally:
        with suppress(OSError):  # `write` has reported it
            file.close()


def _write(file: TextIO, entries: Sequence[Entry]) -> None:
    if entries:
        file.write("".join(f"{entry.to_json()}\n" for entry in entries))
        file.flush()


@contextmanager
def _display(card: ModelCard) -> Iterator[_Show | None]:
    """Yield a function that shows the stations on standard error, or None without a terminal."""
    from ..live.display.screen import possible
    from ..output.console import Console

    console = Console(sys.stderr)
    if not possible(console):
        yield None
        return
    from rich.live import Live

    from ..live.display.terminal import before_stopping, in_foreground
    from ..radio.table import table

    def leave() -> None:
        console.show_cursor()

    began = time.monotonic()
    # The log goes to standard output, not above the table.
    live = Live(console=console, transient=True, auto_refresh=False, redirect_stdout=False)
    with (
        live,
        before_stopping(leave),
    ):

        def show(views: Sequence[View]) -> None:
            if in_foreground(sys.stderr.fileno()):
                seconds = time.monotonic() - began
                live.update(table(views, card, seconds, console.height), refresh=True)

        yield show
