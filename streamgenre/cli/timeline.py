"""The default command: the timeline of files, URLs or standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from .. import __version__
from ..audio import ENCODINGS
from ..errors import OutputError, StreamgenreError, one_line, reason
from ..files import text_replacement
from . import interrupt
from .options import COMMANDS, compute_option, model_option

if TYPE_CHECKING:
    from ..audio.files.raw import RawFormat

_EPILOG = "\b\nCommands:\n" + "\n".join(f"  {name:8} {does}" for name, does in COMMANDS.items())

_PATIENCE = 4.0  # s to print the timeline of a stream after Ctrl-C


@click.command(
    epilog=_EPILOG + "\n\nWrite a file named like a command as ./info, or after --.",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
)
@click.argument("recordings", metavar="FILE|URL|- ...", nargs=-1, required=True)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json", "jsonl"]),
    default="text",
    show_default=True,
    help="text for people; json: one object per file; jsonl: one update per line, at once.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Write to a file, not to the terminal."
)
@click.option("--hop", type=float, help="Seconds between updates; see `info`.")
@model_option
@compute_option
@click.option(
    "--raw", type=click.Choice(list(ENCODINGS)), help="The input is raw samples in this encoding."
)
@click.option("--rate", type=click.IntRange(1), help="With --raw: sample rate in Hz.")
@click.option(
    "--channels", type=click.IntRange(1, 64), help="With --raw: number of channels.  [default: 1]"
)
@click.option("--reconnect", is_flag=True, help="Connect to a URL again when its data ends.")
@click.version_option(__version__, prog_name="streamgenre")
def command(
    recordings: tuple[str, ...],
    output_format: str,
    output: Path | None,
    hop: float | None,
    model: Path | None,
    compute: Any,
    raw: str | None,
    rate: int | None,
    channels: int | None,
    reconnect: bool,
) -> int:
    """Classify music as it plays: the genre over the course of each FILE.

    Accepts audio and video files, http(s) radio streams, and - for standard input.
    """
    raw_format = _raw_format(raw, rate, channels)
    for recording in recordings:
        if output is not None and _same_file(output, recording):
            raise click.UsageError(f"{output}: is also an input; choose another file for -o")
    from ..audio.files.source import is_url
    from ..model.model import load
    from ..output.timeline import writer

    loaded = load(model, compute)
    if hop is not None:
        loaded.card.hop(hop)  # fail before any work
    if any(is_url(recording) or recording == "-" for recording in recordings):
        interrupt.patience = _PATIENCE
    codes = []
    with _opened(output) as file:
        write = writer(output_format, file, loaded, reconnect)
        for recording in recordings:
            try:
                write(recording, hop, raw_format)
            except StreamgenreError as error:
                write.failed(recording, error)
                click.echo(f"streamgenre: {one_line(error)}", err=True)
                codes.append(error.exit_code)
    return max(codes, default=0)  # with several failures: 5, then 4, 3, 1


def _raw_format(raw: str | None, rate: int | None, channels: int | None) -> RawFormat | None:
    if raw is None:
        if rate is not None or channels is not None:
            raise click.UsageError("--rate and --channels describe --raw input; add --raw")
        return None
    if rate is None:
        raise click.UsageError("--raw needs --rate, the sample rate")
    from ..audio.files.raw import RawFormat

    return RawFormat(raw, rate, channels or 1)


def _same_file(output: Path, recording: str) -> bool:
    try:
        return output.is_file() and output.samefile(recording)
    except OSError:
        return False


@contextmanager
def _opened(output: Path | None) -> Iterator[TextIO]:
    """Standard output, or a file that appears complete or not at all."""
    if output is None:
        yield sys.stdout
        return
    if output.is_dir():
        raise click.UsageError(f"{output}: is a folder; give a file in it")
    if output.exists() and not output.is_file():  # a device or a pipe is written directly
        try:
            with output.open("w", encoding="utf-8", errors="backslashreplace") as file:
                yield file
        except OSError as error:
            raise OutputError(f"{output}: cannot be written: {reason(error)}") from None
        return
    with text_replacement(output) as file:
        yield file
