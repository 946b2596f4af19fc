"""`average`: the mean of the weights of several runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .options import (
    CHECKPOINT,
    FOLDER,
    IN_FILE,
    IN_FOLDER,
    Number,
    checkpoint_in,
    data_argument,
    data_options,
    held_speech_option,
    open_data,
)


@click.command()
@data_argument
@data_options
@click.option(
    "--run",
    "runs",
    type=IN_FOLDER,
    multiple=True,
    required=True,
    help="Folder of a finished run; repeat it for several runs.",
)
@click.option(
    "--start-share",
    type=Number(0, 1, max_open=True),
    default=0.0,
    show_default=True,
    help="Weight of the initial weights (a model of this project) in the mean.",
)
@click.option(
    "--lessons", "soft_targets", type=IN_FILE, help="Soft targets (`teach`): refit the style layer."
)
@click.option(
    "--speech",
    type=IN_FOLDER,
    help="Folder of recorded speech: add a layer that distinguishes it from noise and music.",
)
@held_speech_option
@click.option(
    "--calibrated-as",
    type=IN_FOLDER,
    help="Folder of a run of the same recipe without `valid`: copy its temperature and thresholds.",
)
@click.option("--folder", type=FOLDER, required=True, help="Folder for the mean.")
def command(
    data: Path,
    runs: tuple[Path, ...],
    start_share: float,
    soft_targets: Path | None,
    speech: Path | None,
    held_speech: Path | None,
    calibrated_as: Path | None,
    folder: Path,
    **where: Any,
) -> None:
    """Average the weights of runs with the same initial weights, and calibrate on DATA's valid.

    The result is about as good as their ensemble, at the cost of one network (model soups, Wortsman
    2022). A single run without --start-share keeps its weights and calibration: use this to add a
    layer to a finished run. Only --speech on a network with running statistics refits its music
    layer, and then calibrates it again.
    """
    from ..distillation.soft_targets import read_soft_targets
    from ..heads.finish import mean_of_runs

    checkpoints = [checkpoint_in(run) for run in runs]
    dataset, audio = open_data(data, **where)
    targets = None if soft_targets is None else read_soft_targets(soft_targets, dataset.labels)
    path = mean_of_runs(
        folder / CHECKPOINT,
        checkpoints,
        dataset,
        audio,
        start_share=start_share,
        soft_targets=targets,
        speech=speech,
        held_speech=held_speech,
        calibrated_as=None if calibrated_as is None else calibrated_as / CHECKPOINT,
        report=click.echo,
    )
    alone = len(runs) == 1 and not start_share
    click.echo(f"{path}: {'that run' if alone else f'the mean of {len(runs)} runs'}")
