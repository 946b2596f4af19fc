"""`python -m training COMMAND`, one module per command; some are also `streamgenre COMMAND`.

The module of a command is imported when it runs, so that `adapt` and `evaluate` need no torch.
"""

from __future__ import annotations

import copy
from importlib import import_module
from typing import Any

import click

from streamgenre.errors import StreamgenreError
from streamgenre.extras import install_command

COMMANDS = {
    "teach": "compute soft targets for a data set with pretrained taggers",
    "head": "fit a perceptron on frozen embeddings: initial weights, and the baseline",
    "train": "train a streaming network on a data set, or resume a run",
    "evaluate": "measure a model on a data set: accuracy, streaming, timeline, calibration",
    "redraw": "rewrite the report and pictures of an evaluation from its metrics",
    "compare": "compare the predictions of models, with paired intervals",
    "experiments": "train and measure every published system under one protocol",
    "listen": "visualise a network: the sound that maximises a genre or a neuron",
    "feedback": "study the temporal feedback: variants and controls over seeds",
    "average": "average the weights of runs with the same initial weights",
    "recipe": "make the bundled model: teach, train, average, evaluate, export",
    "adapt": "adapt the bundled model to your own genres",
    "export": "export a trained network as one ONNX step with its card",
}
_ADAPT = {
    "filelock", "joblib", "matplotlib", "mir_eval", "onnx", "platformdirs", "pydantic",
    "sklearn", "threadpoolctl",
}  # fmt: skip


class MissingExtraError(StreamgenreError):
    """A library of an optional extra is missing; the message says how to install it."""


def command(name: str) -> click.Command:
    """Return a command. If a library is missing, it names the extra to install."""
    cloned: click.Command = copy.copy(import_module(f".{name}", __package__).command)
    run = cloned.callback
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

    cloned.callback = callback
    cloned.context_settings = {"help_option_names": ["-h", "--help"]}
    return cloned


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
    """Train, evaluate, adapt and export streaming networks."""
