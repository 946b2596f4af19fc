"""The commands by name, and the options that several of them share."""

from __future__ import annotations

from pathlib import Path

import click
from click.core import ParameterSource

COMMANDS = {
    "live": "what is playing now: microphone, line in, or what the computer plays",
    "devices": "what can be listened to",
    "info": "what the model is: labels, accuracy, data, licence",
    "export": "the model as a package for small devices, browsers, C++",
    "adapt": "a model for genres of your own, from a folder of music",
    "train": "train a network on a data set",
    "evaluate": "measure a model on a data set",
    "doctor": "what works on this machine",
    "bench": "time this machine for a few seconds",
}

model_option = click.option(
    "--model",
    type=click.Path(path_type=Path),
    envvar="STREAMGENRE_MODEL",
    help="A model file instead of the bundled one, or tfcrnn-half: the bundled one at half its "
    "size.  [env: STREAMGENRE_MODEL]",
)
compute_option = click.option(
    "--compute",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where the network runs.",
)


def on_the_command_line(*names: str) -> bool:
    """Whether any of these options was given there, and not as somebody's default."""
    source = click.get_current_context().get_parameter_source
    return any(source(name) is ParameterSource.COMMANDLINE for name in names)
