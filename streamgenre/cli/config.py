"""Defaults of a command's options, from a file and from the environment.

The file is TOML: `[live]`, say, with an entry for each long option. The variables are named like
the options: STREAMGENRE_NOW_PLAYING.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from pathlib import Path
from typing import Any

import click

VARIABLE = "STREAMGENRE_CONFIG"


def config_path() -> Path:
    """Where the file is looked for: where the system keeps such, or what the variable names."""
    return Path(os.environ.get(VARIABLE) or Path(click.get_app_dir("streamgenre")) / "config.toml")


def defaults(name: str, command: click.Command) -> dict[str, Any]:
    """Option -> value of what is set, the environment first.

    Raises click.UsageError for what cannot be read, and for entries that the command has no
    option for.
    """
    options = {
        option.removeprefix("--"): parameter.name or ""
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--")
    }
    path, found = config_path(), {}
    for entry, value in _table(path, name).items():
        if entry not in options:
            near = difflib.get_close_matches(entry, options, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(options))}"
            raise click.UsageError(f"{path}: [{name}] has no entry {entry!r}; {hint}")
        if not isinstance(value, (str, int, float)):
            raise click.UsageError(f"{path}: [{name}] {entry}: must be a text or a number")
        found[options[entry]] = str(value)
    for option, parameter in options.items():
        variable = f"STREAMGENRE_{option.replace('-', '_').upper()}"
        if os.environ.get(variable):
            found[parameter] = os.environ[variable]
    return found


def _table(path: Path, name: str) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get(name, {})
    except FileNotFoundError:
        if os.environ.get(VARIABLE):
            raise click.UsageError(f"{VARIABLE}={path}: no such file") from None
        return {}
    except (OSError, ValueError) as error:
        raise click.UsageError(f"{path}: cannot be read: {error}") from None
    if not isinstance(table, dict):
        raise click.UsageError(f"{path}: {name} must be a table: [{name}]")
    return table
