"""`streamgenre live`: what is playing now."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import one_line
from . import interrupt
from .config import config_path
from .options import compute_option, model_option, on_the_command_line
from .outputs import apart, recorder_of, sinks_of

if TYPE_CHECKING:
    from ..live.listener import Listener
    from ..output.console import Console

_EPILOG = """\b
Keys of the display:
  q quit   space pause   r forget what was heard   s save the timeline so far
  d switch device   f feedback gates   ? help

Defaults of all options: the table [live] of the file that STREAMGENRE_CONFIG
names, else {path}
(input = "monitor"), and variables named like them, which come first:
STREAMGENRE_INPUT, STREAMGENRE_NOW_PLAYING.
"""
_PATIENCE = 8.0  # s for closing files, sinks and devices before Ctrl-C ends it hard


class _Channels(click.ParamType):  # type: ignore[type-arg]  # no generic before click 8.2
    """Channel numbers from 1 on: 2 or 3,4."""

    name = "N[,N]"

    def convert(self, value: Any, param: Any, context: Any) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            channels = tuple(int(part) for part in str(value).split(","))
        except ValueError:
            channels = (0,)
        if min(channels) < 1 or len(set(channels)) != len(channels):
            self.fail(f"{value!r} names no channels; say 1, or 3,4", param, context)
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
    help="Index or part of the name of an input, or monitor: what the computer plays. "
    "`streamgenre devices` lists them.  [default: the system's]",
)
@click.option(
    "--channels", type=_Channels(), default=(), help="Which of its channels to hear, from 1 on."
)
@click.option(
    "--play", metavar="FILE", help="Listen to a file in real time instead, and play it aloud."
)
@click.option("--hop", type=float, help="Seconds between updates; `info` lists them.")
@click.option(
    "--wait",
    type=click.FloatRange(0),
    metavar="S",
    help="Seconds to look for a device that went away.  [default: for ever]",
)
@model_option
@compute_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "jsonl"]),
    default="text",
    show_default=True,
    help="text: the display, or a line a change where there is no terminal; jsonl: one update a "
    "line on standard output.",
)
@click.option("--log", type=click.Path(path_type=Path), help="Append each update there, rotated.")
@click.option(
    "--record",
    type=click.Path(path_type=Path),
    help="Record what is heard: .flac, .wav, .ogg, .opus.",
)
@click.option("--on-change", metavar="CMD", help="Run at each change, STREAMGENRE_GENRE set.")
@click.option(
    "--now-playing", type=click.Path(path_type=Path), help="Keep the genre in that file, one line."
)
@click.option("--osc", metavar="HOST:PORT", help="Send OSC messages there, for lights.")
@click.option(
    "--websocket", metavar="[HOST:]PORT", help="Serve updates and a page that shows them there."
)
@click.option("--mqtt", metavar="URL", help="mqtt://[user:password@]host[:port][/prefix]")
def command(
    wanted: str | None,
    channels: tuple[int, ...],
    play: str | None,
    hop: float | None,
    wait: float | None,
    model: Path | None,
    compute: Any,
    form: str,
    **outputs: Any,
) -> int:
    """What is playing now, as it plays, from a microphone, a line input or the computer itself.

    A device that goes away is looked for until it is back. `q` or Ctrl-C ends it.
    """
    from ..live.listener import listen
    from ..model.model import load

    if play is not None and on_the_command_line("wanted", "channels"):
        raise click.UsageError("--play takes the place of an input; leave out --input, --channels")
    if wait is not None and not wait >= 0:
        raise click.UsageError("--wait: nan is no number of seconds")
    loaded = load(model, compute)
    if hop is not None:
        loaded.card.hop(hop)  # a wrong one is told before any device is opened
    console = _console(form)
    with ExitStack() as undo:
        apart(play, outputs)
        recorder = recorder_of(outputs["record"], undo)
        sinks = sinks_of(outputs, form, console, loaded, hop, undo)
        listener = listen(
            wanted, loaded, hop, channels=channels, patience=wait, play=play, sinks=sinks,
            recorder=recorder,
        )  # fmt: skip
        undo.pop_all()  # the listener's from here on
    interrupt.patience = _PATIENCE  # now there is something to close
    try:
        _follow(listener, console)
    finally:
        interrupt.hanging = not listener.close()
        click.echo(one_line(f"streamgenre: {listener.tally}{_troubles(listener)}"), err=True)
        for warning in listener.warnings:
            click.echo(one_line(f"streamgenre: warning: {listener.name}: {warning}"), err=True)
    return int(any(problem for _, problem in listener.problems))


def _console(form: str) -> Console | None:
    """Where the display goes, None for nowhere: beside JSON to the terminal, if there is one."""
    from ..live.display.screen import possible
    from ..output.console import Console

    if form == "jsonl" and sys.stdout.isatty():
        return None
    console = Console(sys.stdout if form == "text" else sys.stderr)
    return console if possible(console) else None


def _follow(listener: Listener, console: Console | None) -> None:
    """Until it ends, somebody quits, or the reader of a pipe has gone."""
    if console is not None:
        from ..live.display.show import Show

        Show(listener, console).run()
        return
    for _ in listener:
        if listener.reader_gone:
            break


def _troubles(listener: Listener) -> str:
    """What went wrong meanwhile, for the summary."""
    health = listener.health
    parts = [f"{health.gaps} gap{'s' * (health.gaps > 1)}"] if health.gaps else []
    if health.dropped:
        parts.append(f"{health.dropped} frames dropped")
    if health.overflows:
        parts.append(f"{health.overflows} overflows")
    parts += [f"{name}: {problem}" for name, problem in listener.problems if problem]
    return "".join(f"; {part}" for part in parts)
