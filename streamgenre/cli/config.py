"""Defaults of a command's options, from a file and from environment variables.

The file is TOML: a table such as `[live]` with an entry per long option. The variables are named
after the options: STREAMGENRE_NOW_PLAYING.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from pathlib import Path
from typing import Any

import click

from ..errors import reason

VARIABLE = "STREAMGENRE_CONFIG"


def config_path() -> Path:
    """Path of the file: from the variable, or else in the system's folder for settings."""
    return Path(os.environ.get(VARIABLE) or Path(click.get_app_dir("streamgenre")) / "config.toml")


def defaults(name: str, command: click.Command) -> dict[str, Any]:
    """Parameter -> default value, where one is set. The environment takes precedence.

    Raises click.UsageError if the file cannot be read or has an entry without a matching option.
    """
    options = {
        option.removeprefix("--"): parameter.name or ""
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--")
    }
    path, values = config_path(), {}
    for entry, value in _table(path, name).items():
        if entry not in options:
            close = difflib.get_close_matches(entry, options, n=1)
            hint = (
                f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(options))}"
            )
            raise click.UsageError(f"{path}: [{name}] has no entry {entry!r}; {hint}")
        if not isinstance(value, (str, int, float)):
            raise click.UsageError(f"{path}: [{name}] {entry}: must be a string or a number")
        values[options[entry]] = str(value)
    for option, parameter in options.items():
        variable = f"STREAMGENRE_{option.replace('-', '_').upper()}"
        if os.environ.get(variable):
            values[parameter] = os.environ[variable]
    return values


def _table(path: Path, name: str) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get(name, {})
    except (FileNotFoundError, NotADirectoryError):
        if os.environ.get(VARIABLE):
            raise click.UsageError(f"{VARIABLE}={path}: no such file") from None
        return {}
    except PermissionError as error:
        if os.environ.get(VARIABLE):
            raise click.UsageError(f"{path}: cannot be read: {reason(error)}") from None
        # Usual for a service that runs with the home folder of another user.
        click.echo(f"streamgenre: {path}: {reason(error)}; continuing without it", err=True)
        return {}
    except (OSError, ValueError) as error:
        raise click.UsageError(f"{path}: cannot be read: {error}") from None
    if not isinstance(table, dict):
        raise click.UsageError(f"{path}: {name} must be a table: [{name}]")
    return table
