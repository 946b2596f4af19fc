"""`redraw`: the report and the pictures of an evaluation from its figures alone."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("figures", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder for SPLIT.md and the pictures.",
)
def command(figures: Path, output: Path) -> None:
    """Write the report and draw the pictures again from FIGURES, the .json that `evaluate` wrote.

    All but the picture of the gates, whose steps are not kept.
    """
    from ..evaluation import redraw

    for path in redraw(figures, output):
        click.echo(f"wrote {path}")
