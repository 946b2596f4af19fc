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
    except ImportError as error:
        if isinstance(error.__cause__ or error.__context__, KeyboardInterrupt):
            return 128 + signal.SIGINT  # Ctrl-C while a library was imported
        raise
    except BrokenPipeError:  # the reader closed the pipe
        return 0
    except OSError as error:  # standard output on a full disk, for example
        click.echo(f"streamgenre: {error}", err=True)
        return 1


def _discard_unwritten() -> None:
    """Drop output that cannot be written, since Python would retry at exit and print an error."""
    try:
        sys.stdout.flush()
    except OSError:  # reported by `run`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _silence_libraries() -> None:
    """Discard output of C libraries on file descriptor 2."""
    try:
        ours = os.dup(2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    except OSError:  # closed
        return
    sys.stderr = os.fdopen(ours, "w", buffering=1, errors="backslashreplace")


def main() -> None:
    """The `streamgenre` command."""
    _silence_libraries()
    if sys.stderr is None:  # closed by the caller
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115
    if sys.stdout is None:
        click.echo("streamgenre: standard output is closed", err=True)
        sys.exit(1)
    interrupt.install()
    if isinstance(sys.stdout, io.TextIOWrapper):  # for any locale and file name
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        code = run(sys.argv[1:])
    except SystemExit as ended:  # SIGTERM
        code = ended.code if isinstance(ended.code, int) else 1
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ignore a second Ctrl-C
    _discard_unwritten()
    if interrupt.hanging:  # Python would wait for the thread at exit
        os._exit(code)
    sys.exit(code)
