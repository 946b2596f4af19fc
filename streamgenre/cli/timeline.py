"""The default command: the timeline of files, URLs or standard input."""

from __future__ import annotations

import glob
import math
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
from ..output.formats import FORMATS, Format, format_of
from . import interrupt
from .options import COMMANDS, compute_option, model_option

if TYPE_CHECKING:
    from ..audio.files.raw import RawFormat
    from ..output.destination import Destination, Folder

_EPILOG = "\b\nCommands:\n" + "\n".join(f"  {name:8} {does}" for name, does in COMMANDS.items())

_SEPARATORS = tuple(filter(None, ("/", os.sep, os.altsep)))
_PATIENCE = 4.0  # s to print the timeline of a stream after Ctrl-C


def _seconds(context: click.Context, option: click.Parameter, value: float) -> float:
    """Validate a duration. Raises BadParameter."""
    if not 0 <= value < math.inf:
        raise click.BadParameter(f"{value:g} is not a duration in seconds")
    return value


@click.command(
    epilog=_EPILOG + "\n\nWrite a file named like a command as ./info, or after --.",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
)
@click.argument("recordings", metavar="FILE|URL|- ...", nargs=-1, required=True)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(list(FORMATS)),
    help="text: a report; json: one object per file; jsonl: one update per line as it is computed; "
    "csv: one row per segment; audacity: a label track; srt, vtt: captions; html: a page with a "
    "player; png, svg: a picture.  [default: from the extension of -o, or text]",
)
@click.option(
    "-o",
    "--output",
    metavar="PATH",
    help="Write to a file instead of standard output, or to a folder (an existing one, or a name "
    "that ends in /) with one file per input.",
)
@click.option(
    "--min-segment",
    type=float,
    callback=_seconds,
    default=0.0,
    metavar="S",
    help="Merge segments shorter than S seconds into their neighbours.",
)
@click.option("--embed", is_flag=True, help="With html: embed the audio in the page.")
@click.option("--hop", type=float, help="Seconds between updates; see `info`.")
@model_option
@compute_option
@click.option(
    "--raw", type=click.Choice(list(ENCODINGS)), help="Read raw samples in this encoding."
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
    output: str | None,
    min_segment: float,
    embed: bool,
    hop: float | None,
    model: Path | None,
    compute: Any,
    raw: str | None,
    rate: int | None,
    channels: int | None,
    reconnect: bool,
) -> int:
    """Classify each FILE and print its genres over time.

    Accepts audio and video files, http(s) radio streams, playlists of them (m3u, m3u8, pls), and -
    for standard input.
    """
    raw_format = _raw_format(raw, rate, channels)
    if os.name == "nt":  # other shells do it
        recordings = expand_wildcards(recordings)
    target = None if output is None else Path(output)
    in_folder = output is not None and (output.endswith(_SEPARATORS) or Path(output).is_dir())
    form = _format(output_format, None if in_folder else target)
    if embed and form.name != "html":
        raise click.UsageError("--embed puts audio into a page; add --format html")
    for recording in map(Recording, recordings):
        if embed and recording.is_stream:
            raise click.UsageError(f"{recording.name}: is not a file; leave out --embed")
    if not in_folder and not form.several and len(recordings) > 1:
        raise click.UsageError(_one_file(form))
    if form.binary and target is None and sys.stdout.isatty():
        raise click.UsageError(f"{form.name} is binary; add -o with a file")
    from ..audio.files import DEEPEST_LIST
    from ..audio.files.playlist import PlaylistError
    from ..model.model import load
    from ..output.timeline import writer
    from ..output.timeline.reading import Options, Run

    loaded = load(model, compute)
    if hop is not None:
        loaded.card.hop(hop)  # fail before any work
    if any(Recording(name).is_stream for name in recordings):
        interrupt.patience = _PATIENCE
    codes = []
    opened = _folder(target, form) if target and in_folder else _destination(target, form)
    with opened as destination, _report_if_interrupted(destination):
        _check_inputs(opened, recordings)
        run = Run(len(recordings))
        options = Options(run, reconnect, min_segment, embed, in_folder)
        write = writer(form, destination, loaded, options)
        waiting = [(Recording(name), 0) for name in reversed(recordings)]
        while waiting:
            recording, depth = waiting.pop()
            try:
                try:
                    write(recording, hop, raw_format)
                except PlaylistError as listed:
                    if depth == DEEPEST_LIST:
                        raise
                    if not in_folder and not form.several and len(listed.entries) > 1:
                        raise click.UsageError(_one_file(form)) from None
                    remote = recording.remote or listed.remote
                    entries = [(Recording(name, remote), depth + 1) for name in listed.entries]
                    waiting += reversed(entries)
                    run.total += len(entries) - 1
                    continue
            except StreamgenreError as error:
                if isinstance(error, OutputError) and not in_folder:
                    raise  # the file of all results cannot be written, on a full disk for example
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


def _one_file(form: Format) -> str:
    return (
        f"a {form.name} file holds a single recording; for one file each, pass a folder, such as "
        f"-o {form.name}/"
    )


def _check_inputs(destination: Destination | Folder, recordings: Iterable[str]) -> None:
    """Raise UsageError if a result would replace an input."""
    inputs = {os.path.realpath(name) for name in recordings if not scheme(name)}
    targets = [destination.path]
    if not hasattr(destination, "file"):
        targets = [destination.target(Recording(name)) for name in recordings]
    for target in targets:
        if target is not None and target.is_file() and os.path.realpath(target) in inputs:
            raise click.UsageError(f"{target}: is also an input; choose another name for -o")


def _format(wanted: str | None, target: Path | None) -> Format:
    """The requested format, or else the format for the name of the output."""
    if wanted is not None:
        return FORMATS[wanted]
    return FORMATS["text"] if target is None else format_of(target)


def expand_wildcards(recordings: Iterable[str]) -> tuple[str, ...]:
    """Replace patterns such as *.flac with the matching files."""
    expanded: list[str] = []
    for name in recordings:
        pattern = not scheme(name) and glob.has_magic(name) and not os.path.lexists(name)
        matches = sorted(glob.glob(name, recursive=True)) if pattern else []  # noqa: PTH207
        expanded += matches or [name]  # without a match, the error names the pattern
    return tuple(expanded)


def _folder(target: Path, form: Format) -> Folder:
    from ..output.destination import Folder

    return Folder(target, form.extension, form.by_line)


def _destination(target: Path | None, form: Format) -> Destination:
    from ..output.destination import Appended, Destination, Replaced

    if target is None:
        return Destination(sys.stdout)
    if target.exists() and not target.is_file():  # a device or a pipe is written directly
        try:
            return Destination(
                target.open("w", encoding="utf-8", errors="backslashreplace"), target
            )
        except OSError as error:
            raise OutputError(f"{target}: cannot be written: {reason(error)}") from None
    return Appended(target) if form.by_line else Replaced(target)


@contextmanager
def _report_if_interrupted(destination: Destination | Folder) -> Iterator[None]:
    """On Ctrl-C or SIGTERM, report which results are kept, even while a C library hangs."""

    def report() -> None:
        if kept := destination.keep():
            click.echo(one_line(f"streamgenre: interrupted; {kept}"), err=True)

    interrupt.before_abrupt_end.append(report)
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        interrupt.before_abrupt_end.remove(report)
        report()
        raise
