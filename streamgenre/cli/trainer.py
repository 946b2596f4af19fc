"""`streamgenre train | evaluate | adapt`: commands of the bundled trainer."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import click


def training_command(name: str) -> click.Command:
    """A command of `training`, which the wheel carries inside the package."""
    inside = find_spec("streamgenre.training") is not None  # in a checkout it lies beside it
    package = import_module("streamgenre.training.cli" if inside else "training.cli")
    command: click.Command = package.command(name)
    return command
