"""`redraw`: the report and pictures of an evaluation from its metrics."""

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
    """Rewrite the report and pictures of an evaluation from FIGURES, the .json of `evaluate`.

    The picture of the gates is left out, because its data are not stored.
    """
    from ..evaluation import redraw

    for path in redraw(figures, output):
        click.echo(f"wrote {path}")
