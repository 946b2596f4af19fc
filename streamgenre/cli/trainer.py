"""`streamgenre train | evaluate | adapt`: commands of the bundled trainer."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import click

COMMANDS = ("train", "evaluate", "adapt")


def trainer_command(name: str) -> click.Command:
    """One of COMMANDS. A wheel contains the trainer in this package, a checkout beside it."""
    inside = find_spec("streamgenre.training") is not None
    package = import_module("streamgenre.training.cli" if inside else "training.cli")
    command: click.Command = package.command(name)
    return command
