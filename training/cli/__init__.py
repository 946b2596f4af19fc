"""`python -m training COMMAND`, one file a command; some of them are `streamgenre COMMAND`, too.

A command's module is imported when it runs, so that `adapt` and `evaluate` need no torch.
"""

from __future__ import annotations

import copy
from importlib import import_module
from typing import Any

import click

from streamgenre.errors import StreamgenreError
from streamgenre.extras import install_command

COMMANDS = {
    "teach": "what pretrained taggers say of a data set, as lessons to train with",
    "head": "a perceptron on frozen embeddings: the start of a network, and the baseline",
    "train": "a streaming network on a data set; goes on where it was broken off",
    "evaluate": "measure a model on a data set: accuracy, streaming, timeline, calibration",
    "redraw": "the report and pictures of an evaluation again, from its figures",
    "compare": "measured models side by side, with paired intervals",
    "experiments": "every published system under one protocol: train, measure, table, charts",
    "listen": "the sound that a network takes for a genre, or that excites a neuron",
    "feedback": "what temporal feedback is worth: variants and controls over seeds",
    "average": "runs from one start as one network, the mean of their weights",
    "recipe": "the bundled model again: teach, train, average, evaluate, export",
    "adapt": "own genres from a folder of own music, on the bundled model",
    "export": "a trained network as one ONNX step with its card, checked",
}
_ADAPT = {
    "filelock", "joblib", "matplotlib", "mir_eval", "onnx", "platformdirs", "pydantic",
    "sklearn", "threadpoolctl",
}  # fmt: skip


class MissingExtraError(StreamgenreError):
    """A library is missing that only training needs; the message says how to install it."""


def command(name: str) -> click.Command:
    """The command of that name; where a library is missing it says which extra brings it."""
    found: click.Command = copy.copy(import_module(f".{name}", __package__).command)
    run = found.callback
    assert run is not None

    def callback(*arguments: Any, **options: Any) -> Any:
        try:
            return run(*arguments, **options)
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0]
            extra = "adapt" if missing in _ADAPT else "train"
            raise MissingExtraError(
                f"{name} needs {missing or error}: {install_command(extra)}"
            ) from None

    found.callback = callback
    found.context_settings = {"help_option_names": ["-h", "--help"]}
    return found


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return command(cmd_name) if cmd_name in COMMANDS else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Train, measure, adapt and export streaming networks."""
