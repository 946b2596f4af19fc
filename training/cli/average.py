"""`average`: several runs from one start as one network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .options import data_argument, data_options, held_speech_option, opened


@click.command()
@data_argument
@data_options
@click.option(
    "--run",
    "runs",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    multiple=True,
    required=True,
    help="Folder of a finished run; several.",
)
@click.option(
    "--start-share",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.0,
    show_default=True,
    help="Weight of what the runs began from (one of our models) in the mean.",
)
@click.option(
    "--lessons",
    "taught",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="What teachers say (`teach`): fits the layer of the styles to its end.",
)
@held_speech_option
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), required=True, help="Of the mean."
)
def command(
    data: Path,
    runs: tuple[Path, ...],
    start_share: float,
    taught: Path | None,
    held_speech: Path | None,
    folder: Path,
    **where: Any,
) -> None:
    """Average the weights of runs that share their start, and calibrate the mean on DATA's valid.

    About as good as their ensemble, at the cost of one network (model soups, Wortsman 2022).
    """
    from ..calibrate import calibrate
    from ..data import DataError
    from ..lessons import read_lessons
    from ..soup import average
    from ..styles import finish_styles
    from .evaluate import CHECKPOINT

    for run in runs:
        if not (run / CHECKPOINT).is_file():
            raise DataError(f"{run}: no {CHECKPOINT} in it, which a run writes at its end")
    dataset, audio = opened(data, **where)
    # Under its name once it is whole: who finds it there need not do it again.
    path = folder / f"unfinished-{CHECKPOINT}"
    average([run / CHECKPOINT for run in runs], path, start_share)
    if taught is not None:
        before, after = finish_styles(path, dataset, audio, read_lessons(taught, dataset.labels))
        click.echo(f"styles: cross-entropy {before:.4f} before, {after:.4f} after")
    calibrate(path, dataset, audio, held_speech)
    path = path.replace(folder / CHECKPOINT)
    click.echo(f"{path}: the mean of {len(runs)} runs")
