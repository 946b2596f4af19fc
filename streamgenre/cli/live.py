"""`streamgenre live`: classify live audio."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import one_line
from ..wording import counted
from . import interrupt
from .config import config_path
from .options import compute_option, extra, model_option, on_the_command_line
from .outputs import check_files, open_recorder, open_sinks

if TYPE_CHECKING:
    from ..live.listener import Listener
    from ..output.console import Console

_EPILOG = """\b
Keys of the display:
  q quit   space pause   r reset the state   s save the timeline so far
  d switch device   f feedback gates   ? help

Defaults for all options: environment variables such as STREAMGENRE_INPUT and
STREAMGENRE_NOW_PLAYING, then the table [live] (input = "monitor") of the file
given by STREAMGENRE_CONFIG, or else of
{path}
"""
_PATIENCE = 8.0  # s to close files, sinks and devices after Ctrl-C


class _Channels(click.ParamType):  # type: ignore[type-arg]  # no generic before click 8.2
    """Channel numbers, counted from 1: 2 or 3,4."""

    name = "N[,N]"

    def convert(self, value: Any, param: Any, context: Any) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            channels = tuple(int(part) for part in str(value).split(","))
        except ValueError:
            channels = (0,)
        if min(channels) < 1 or len(set(channels)) != len(channels):
            self.fail(f"{value!r} is not a list of channels such as 1 or 3,4", param, context)
        return channels


@click.command(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_EPILOG.format(path=config_path()),
)
@click.option(
    "-i",
    "--input",
    "wanted",
    metavar="D",
    help="Index or part of the name of an input, or monitor for what the computer plays; see "
    "`streamgenre devices`. Or the http(s) URL of a radio.  [default: the system default]",
)
@click.option(
    "--channels", type=_Channels(), default=(), help="Channels of the input to use, from 1."
)
@click.option(
    "--play", metavar="FILE", help="Classify a file in real time instead, while it plays."
)
@click.option("--reconnect", is_flag=True, help="Connect to a URL again when its data ends.")
@click.option("--hop", type=float, help="Seconds between updates; see `info`.")
@click.option(
    "--wait",
    type=click.FloatRange(0),
    metavar="S",
    help="Seconds to wait for a device that disappeared.  [default: no limit]",
)
@model_option
@compute_option
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "jsonl"]),
    default="text",
    show_default=True,
    help="text: the display, or without a terminal one line per change; jsonl: one update per "
    "line on standard output.",
)
@click.option(
    "--log", type=click.Path(path_type=Path), help="Append each update to a rotated file."
)
@click.option(
    "--log-size",
    type=click.IntRange(1, 1_000_000),
    metavar="MB",
    default=180,
    show_default="180, more than a day",
    help="Total size of the log and its older files.",
)
@click.option(
    "--record",
    type=click.Path(path_type=Path),
    help="Record the audio: .flac, .wav, .ogg, .opus.",
)
@click.option("--on-change", metavar="CMD", help="Run on each change, with STREAMGENRE_GENRE set.")
@click.option(
    "--now-playing", type=click.Path(path_type=Path), help="Keep the genre in a one-line file."
)
@click.option(
    "--osc", metavar="HOST:PORT", help="Send OSC messages, for example to lights." + extra("osc")
)
@click.option(
    "--websocket",
    metavar="[HOST:]PORT",
    help="Serve updates, and a page that shows them." + extra("websocket"),
)
@click.option(
    "--mqtt",
    metavar="URL",
    help="Publish to mqtt://[user:password@]host[:port][/prefix]." + extra("mqtt"),
)
def command(
    wanted: str | None,
    channels: tuple[int, ...],
    play: str | None,
    reconnect: bool,
    hop: float | None,
    wait: float | None,
    model: Path | None,
    compute: Any,
    output_format: str,
    **outputs: Any,
) -> int:
    """Classify live audio from a microphone, a line input or the computer itself.

    If a device disappears, it is reopened when it returns. `q` or Ctrl-C ends the command.
    """
    from ..live.listener import listen
    from ..model.model import load

    if play is not None and on_the_command_line("wanted", "channels"):
        raise click.UsageError("--play replaces an input; leave out --input and --channels")
    if outputs["log"] is None and on_the_command_line("log_size"):
        raise click.UsageError("--log-size needs --log")
    if wait is not None and not wait >= 0:
        raise click.UsageError("--wait: must be a number of seconds, not nan")
    loaded = load(model, compute)
    if hop is not None:
        loaded.card.hop(hop)  # fail before a device is opened
    console = _console(output_format)
    with ExitStack() as undo:
        check_files(play, outputs)
        recorder = open_recorder(outputs["record"], undo)
        sinks = open_sinks(outputs, output_format, console, loaded, hop, undo)
        listener = listen(
            wanted, loaded, hop, channels=channels, patience=wait, play=play, sinks=sinks,
            recorder=recorder, reconnect=reconnect,
        )  # fmt: skip
        undo.pop_all()  # from here on, the listener closes them
    interrupt.patience = _PATIENCE  # from here on, there is something to close
    try:
        _follow(listener, console)
    finally:
        interrupt.hanging = not listener.close()
        click.echo(one_line(f"streamgenre: {listener.tally}{_problems(listener)}"), err=True)
        for warning in [*listener.source.warnings, *listener.stream.warnings]:
            click.echo(
                one_line(f"streamgenre: warning: {listener.source.name}: {warning}"), err=True
            )
    return int(any(problem for _, problem in listener.problems))


def _console(output_format: str) -> Console | None:
    """The console for the display, or None; next to JSON, it is on standard error."""
    from ..live.display.screen import possible
    from ..output.console import Console

    if output_format == "jsonl" and sys.stdout.isatty():
        return None
    console = Console(sys.stdout if output_format == "text" else sys.stderr)
    return console if possible(console) else None


def _follow(listener: Listener, console: Console | None) -> None:
    """Listen until the input ends, the user quits, or the reader of a pipe closes it."""
    if console is not None:
        from ..live.display.show import Show

        Show(listener, console).run()
        return
    for _ in listener:
        if listener.reader_gone:
            break


def _problems(listener: Listener) -> str:
    """Losses and problems, for the summary."""
    health = listener.health
    parts = [counted(health.gaps, "gap")] if health.gaps else []
    if health.dropped:
        parts.append(f"{health.dropped} frames dropped")
    if health.overflows:
        parts.append(f"{health.overflows} overflows")
    parts += [f"{name}: {problem}" for name, problem in listener.problems if problem]
    return "".join(f"; {part}" for part in parts)
