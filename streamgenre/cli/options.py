"""The commands by name, and options that several of them share."""

from __future__ import annotations

from pathlib import Path

import click
from click.core import ParameterSource

from ..extras import install_command, installed

COMMANDS = {
    "scan": "classify a whole library into a table; can be interrupted and continued",
    "report": "a page of a scanned library (genres, likely wrong tags, outliers) or of a radio log",
    "correct": "state the genre of files, albums or artists of a scanned library",
    "tags": "write the genres of a table into the tags of the files; can be undone",
    "live": "classify a microphone, a line input, or what the computer plays",
    "radio": "listen to many radio stations and log what each of them plays",
    "devices": "list the inputs",
    "info": "print the model card: labels, accuracy, data, licence",
    "export": "export the model for small devices, browsers, C++",
    "adapt": "fit a model to your own genres, from a folder of music",
    "train": "train a network on a data set",
    "evaluate": "measure a model on a data set",
    "doctor": "check which parts work on this machine",
    "bench": "measure the speed of this machine",
}

model_option = click.option(
    "--model",
    type=click.Path(path_type=Path),
    envvar="STREAMGENRE_MODEL",
    help="A model file instead of the bundled model, or tfcrnn-half, the bundled model at half the "
    "size.  [env: STREAMGENRE_MODEL]",
)
compute_option = click.option(
    "--compute",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Device that runs the network.",
)


def on_the_command_line(*names: str) -> bool:
    """Whether any of these options was given on the command line, not as a default."""
    source = click.get_current_context().get_parameter_source
    return any(source(name) is ParameterSource.COMMANDLINE for name in names)


def extra(name: str) -> str:
    """Note for the help of an option that needs an extra which is not installed."""
    return "" if installed(name) else f"  [not installed: {install_command(name)}]"
