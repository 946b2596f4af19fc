"""Entry point. The timeline of files is the default command; other commands are called by name.

This module imports only click, so that `--help` is fast.
"""

from __future__ import annotations

import difflib
import io
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from ..errors import StreamgenreError, one_line
from . import interrupt, processor, trainer
from .options import COMMANDS


def _command(arguments: Sequence[str]) -> tuple[click.Command, list[str]]:
    """The command that the arguments select, and its own arguments."""
    first = arguments[0] if arguments else ""
    if first in trainer.COMMANDS:
        return trainer.trainer_command(first), list(arguments[1:])
    if first in COMMANDS:
        command: click.Command = import_module(f".{first}", __package__).command
        return command, list(arguments[1:])
    if first and not first.startswith("-") and os.sep not in first and not os.path.lexists(first):
        close = difflib.get_close_matches(first, COMMANDS, n=1, cutoff=0.7)
        if close and "." not in first:
            raise click.UsageError(f"no file or command {first!r}; did you mean {close[0]!r}?")
    from .timeline import command as timeline

    return timeline, list(arguments)


def _defaults(arguments: Sequence[str], command: click.Command) -> dict[str, Any]:
    """Settings of the click context: defaults from the config file and environment."""
    if not arguments or arguments[0] != "live":
        return {}
    from .config import defaults

    return {"default_map": defaults("live", command)}


def run(arguments: Sequence[str]) -> int:
    """Run the command with these arguments; returns the exit code."""
    try:
        command, rest = _command(arguments)
        name = "streamgenre" + (f" {arguments[0]}" if arguments and rest != [*arguments] else "")
        # Do not use command.main, which turns a closed pipe into an error.
        with command.make_context(name, rest, **_defaults(arguments, command)) as context:
            processor.check()
            result = command.invoke(context)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as done:  # --help and --version
        return done.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except StreamgenreError as error:
        click.echo(f"streamgenre: {one_line(error)}", err=True)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 128 + signal.SIGINT
    except BrokenPipeError:  # the reader closed the pipe
        return 0
    except OSError as error:  # standard output on a full disk, for example
        if interrupt.received is None:
            click.echo(f"streamgenre: {error}", err=True)
        return 1
    except Exception:
        if interrupt.received is None:
            raise
        return 1  # Ctrl-C inside a library that converts it to another error


def _discard_unwritten() -> None:
    """Drop output that cannot be written, since Python would retry at exit and print an error."""
    try:
        sys.stdout.flush()
    except OSError:  # reported by `run`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_standard_streams() -> None:
    """Open streams that the caller has closed, so that no other file gets their descriptors."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free descriptor


class _Messages(io.FileIO):
    """Standard error without errors: the work goes on if nobody can read its messages."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError:  # a closed pipe or terminal, or a full disk
            return memoryview(data).nbytes


def _separate_messages() -> None:
    """Write messages to a copy of file descriptor 2; discard output of C libraries on it."""
    ours = _Messages(os.dup(2), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(ours), errors="backslashreplace", line_buffering=True
    )


def main() -> None:
    """The `streamgenre` command."""
    _open_standard_streams()
    _separate_messages()
    if sys.stdout is None:  # closed by the caller
        click.echo("streamgenre: standard output is closed", err=True)
        sys.exit(1)
    try:
        try:
            interrupt.install()
            if isinstance(sys.stdout, io.TextIOWrapper):  # for any locale and file name
                sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
            code = run(sys.argv[1:])
        finally:
            interrupt.ignore()
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    interrupt.ignore()
    if interrupt.received is not None:
        code = 128 + interrupt.received
    _discard_unwritten()
    if interrupt.hanging:  # Python would wait for the thread at exit
        os._exit(code)
    sys.exit(code)
