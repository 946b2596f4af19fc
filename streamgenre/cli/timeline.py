"""The default command: how the genre moves through files, URLs or standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from .. import __version__
from ..audio import ENCODINGS
from ..errors import StreamgenreError, one_line
from . import interrupt
from .options import COMMANDS, compute_option, model_option

if TYPE_CHECKING:
    from ..audio.files.raw import RawFormat

_EPILOG = "\b\nCommands:\n" + "\n".join(f"  {name:8} {does}" for name, does in COMMANDS.items())


@click.command(
    epilog=_EPILOG + "\n\nA file named like a command: ./info, or after --.",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
)
@click.argument("recordings", metavar="FILE|URL|- ...", nargs=-1, required=True)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "jsonl"]),
    default="text",
    show_default=True,
    help="text for people; json, one object a file; jsonl, one update a line as it is computed.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Write there, not to the terminal."
)
@click.option("--hop", type=float, help="Seconds between updates; `info` lists them.")
@model_option
@compute_option
@click.option(
    "--raw", type=click.Choice(list(ENCODINGS)), help="The input is bare samples of this kind."
)
@click.option("--rate", type=click.IntRange(1), help="With --raw: sample rate in Hz.")
@click.option("--channels", type=click.IntRange(1, 64), help="With --raw: channels  [default: 1]")
@click.version_option(__version__, prog_name="streamgenre")
def command(
    recordings: tuple[str, ...],
    form: str,
    output: Path | None,
    hop: float | None,
    model: Path | None,
    compute: Any,
    raw: str | None,
    rate: int | None,
    channels: int | None,
) -> int:
    """What music is playing, as it plays: the genre through each FILE.

    Takes any audio or video file, http(s) radio streams, and - for standard input.
    """
    raw_format = _raw_format(raw, rate, channels)
    for recording in recordings:
        if output is not None and _same_file(output, recording):
            raise click.UsageError(f"{output}: is an input, too; name another file for -o")
    from ..model.model import load
    from ..output.timeline import writer

    loaded = load(model, compute)
    if hop is not None:
        loaded.card.hop(hop)  # a wrong one is told before any work
    codes = []
    with _opened(output) as file:
        write = writer(form, file, loaded)
        for recording in recordings:
            try:
                write(recording, hop, raw_format)
            except StreamgenreError as error:
                write.failed(recording, error)
                click.echo(f"streamgenre: {one_line(error)}", err=True)
                codes.append(error.exit_code)
    return _worst(codes)


def _raw_format(raw: str | None, rate: int | None, channels: int | None) -> RawFormat | None:
    if raw is None:
        if rate is not None or channels is not None:
            raise click.UsageError("--rate and --channels describe --raw input; add --raw")
        return None
    if rate is None:
        raise click.UsageError("--raw needs --rate: bare samples do not say how fast they are")
    from ..audio.files.raw import RawFormat

    return RawFormat(raw, rate, channels or 1)


def _same_file(output: Path, recording: str) -> bool:
    try:
        return output.is_file() and output.samefile(recording)
    except OSError:
        return False


@contextmanager
def _opened(output: Path | None) -> Iterator[TextIO]:
    """Standard output, or a file that appears whole or not at all."""
    if output is None:
        yield sys.stdout
        return
    if output.is_dir():
        raise click.UsageError(f"{output}: is a folder; name a file in it")
    try:
        if output.exists() and not output.is_file():  # a device or a pipe takes it as it comes
            with output.open("w", encoding="utf-8", errors="backslashreplace") as file:
                yield file
            return
        target = output.resolve()  # a link stays a link
        partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
        interrupt.unfinished.add(partial)
        try:
            with partial.open("x", encoding="utf-8", errors="backslashreplace") as file:
                yield file
                written = file.tell()
            if written:  # nothing to say is no reason to lose an earlier result
                partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
            interrupt.unfinished.discard(partial)
    except OSError as error:
        raise StreamgenreError(f"{output}: cannot be written: {error.strerror or error}") from None


def _worst(codes: list[int]) -> int:
    """With several failures: 5, then 4, 3, 1."""
    return max(codes, default=0)
