"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

model_option = click.option(
    "--model",
    type=click.Path(path_type=Path),
    envvar="STREAMGENRE_MODEL",
    help="A model file instead of the bundled one.  [env: STREAMGENRE_MODEL]",
)
compute_option = click.option(
    "--compute",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where the network runs.",
)
