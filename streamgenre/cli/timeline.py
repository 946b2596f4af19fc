"""The default command: the timeline of files, URLs or standard input."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import __version__
from ..audio import ENCODINGS
from ..audio.address import Recording, scheme
from ..errors import OutputError, StreamgenreError, one_line, reason
from . import interrupt
from .options import COMMANDS, compute_option, model_option

if TYPE_CHECKING:
    from ..audio.files.raw import RawFormat
    from ..output.destination import Destination

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
    help="text for people; json: one object per file; jsonl: one update per line, at once.  "
    "[default: as the name given with -o ends, or text]",
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
    output_format: str | None,
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

    Accepts audio and video files, http(s) radio streams, playlists of them (m3u, m3u8, pls), and -
    for standard input.
    """
    raw_format = _raw_format(raw, rate, channels)
    form = _format(output_format, output)
    if os.name == "nt":  # other shells do it
        recordings = expand_wildcards(recordings)
    for name in recordings:
        if output is not None and _same_file(output, name):
            raise click.UsageError(f"{output}: is also an input; choose another file for -o")
    from ..audio.files import DEEPEST_LIST
    from ..audio.files.playlist import PlaylistError
    from ..model.model import load
    from ..output.timeline import writer
    from ..output.timeline.reading import Run

    loaded = load(model, compute)
    if hop is not None:
        loaded.card.hop(hop)  # fail before any work
    if any(Recording(name).is_stream for name in recordings):
        interrupt.patience = _PATIENCE
    codes = []
    with _destination(output, form) as destination, _told_if_interrupted(destination):
        run = Run(len(recordings))
        write = writer(form, destination, loaded, run, reconnect)
        waiting = [(Recording(name), 0) for name in reversed(recordings)]
        while waiting:
            recording, depth = waiting.pop()
            try:
                try:
                    write(recording, hop, raw_format)
                except PlaylistError as listed:
                    if depth == DEEPEST_LIST:
                        raise
                    remote = recording.remote or listed.remote
                    entries = [(Recording(name, remote), depth + 1) for name in listed.entries]
                    waiting += reversed(entries)
                    run.total += len(entries) - 1
                    continue
            except StreamgenreError as error:
                write.failed(recording, error)
                click.echo(f"streamgenre: {one_line(error)}", err=True)
                codes.append(error.exit_code)
            run.done += 1
        write.close()
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


_FORMATS = {".json": "json", ".jsonl": "jsonl", ".txt": "text"}
_NO_FORMATS = (".csv", ".tsv", ".srt", ".vtt", ".html", ".png", ".svg", ".xml", ".pdf")


def _format(wanted: str | None, output: Path | None) -> str:
    """The format that was asked for, or else the one that the name of the output has."""
    suffix = "" if output is None else output.suffix.lower()
    if wanted is None and suffix in _NO_FORMATS:
        raise click.UsageError(
            f"{output}: there is no format {suffix[1:]}; choose --format text, json or jsonl"
        )
    return wanted or _FORMATS.get(suffix, "text")


def expand_wildcards(recordings: Iterable[str]) -> tuple[str, ...]:
    """The recordings with the files that match in place of each pattern such as *.flac."""
    expanded: list[str] = []
    for name in recordings:
        pattern = not scheme(name) and glob.has_magic(name) and not os.path.lexists(name)
        matches = sorted(glob.glob(name, recursive=True)) if pattern else []  # noqa: PTH207
        expanded += matches or [name]  # without a match, the error names the pattern
    return tuple(expanded)


def _destination(output: Path | None, form: str) -> Destination:
    from ..output.destination import Appended, Destination, Replaced

    if output is None:
        return Destination(sys.stdout)
    if output.is_dir():
        raise click.UsageError(f"{output}: is a folder; give a file in it")
    if output.exists() and not output.is_file():  # a device or a pipe is written directly
        try:
            return Destination(
                output.open("w", encoding="utf-8", errors="backslashreplace"), output
            )
        except OSError as error:
            raise OutputError(f"{output}: cannot be written: {reason(error)}") from None
    return Appended(output) if form == "jsonl" else Replaced(output)


@contextmanager
def _told_if_interrupted(destination: Destination) -> Iterator[None]:
    """Say at Ctrl-C or SIGTERM what is kept, even while a C library hangs."""

    def tell() -> None:
        if kept := destination.keep():
            click.echo(one_line(f"streamgenre: interrupted; {kept}"), err=True)

    interrupt.before_abrupt_end.append(tell)
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        interrupt.before_abrupt_end.remove(tell)
        tell()
        raise
