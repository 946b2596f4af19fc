"""`redraw`: the report and pictures of an evaluation from its metrics."""

from __future__ import annotations

from pathlib import Path

import click

from .options import FOLDER, IN_FILE


@click.command()
@click.argument("figures", type=IN_FILE)
@click.option(
    "-o", "--output", type=FOLDER, required=True, help="Folder for SPLIT.md and the pictures."
)
def command(figures: Path, output: Path) -> None:
    """Rewrite the report and pictures of an evaluation from FIGURES, the .json of `evaluate`.

    The picture of the gates is left out, because its data are not stored.
    """
    from ..evaluation import redraw

    for path in redraw(figures, output):
        click.echo(f"wrote {path}")
