"""`average`: the mean of the weights of several runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .options import Number, data_argument, data_options, held_speech_option, open_data


@click.command()
@data_argument
@data_options
@click.option(
    "--run",
    "runs",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
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
    "--lessons",
    "soft_targets",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Soft targets (`teach`): refit the style layer.",
)
@click.option(
    "--speech",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of recorded speech: add a layer that distinguishes it from noise and music.",
)
@held_speech_option
@click.option(
    "--calibrated-as",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of a run of the same recipe without `valid`: copy its temperature and thresholds.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder for the mean.",
)
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
    import shutil

    from ..calibration.calibrate import calibrate, calibrate_as
    from ..checkpoint import read
    from ..data import DataError
    from ..distillation.soft_targets import read_soft_targets
    from ..heads.speech import finish_speech
    from ..heads.styles import finish_styles
    from ..trainer.weight_averaging import average
    from .evaluate import CHECKPOINT

    for run in runs:
        if not (run / CHECKPOINT).is_file():
            raise DataError(f"{run}: no {CHECKPOINT} in it, which a run writes at its end")
    dataset, audio = open_data(data, **where)
    # Rename the file when it is complete, because other commands take it for finished.
    path = folder / f"unfinished-{CHECKPOINT}"
    alone = len(runs) == 1 and not start_share
    if alone:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(runs[0] / CHECKPOINT, path)
    else:
        average([run / CHECKPOINT for run in runs], path, start_share)
    if soft_targets is not None:
        before, after = finish_styles(
            path, dataset, audio, read_soft_targets(soft_targets, dataset.labels)
        )
        click.echo(f"styles: cross-entropy {before:.4f} before, {after:.4f} after")
    if speech is not None:
        before, after = finish_speech(path, dataset, audio, speech)
        click.echo(f"speech: cross-entropy {before:.4f} before, {after:.4f} after")
    if calibrated_as is not None:
        calibrate_as(path, calibrated_as / CHECKPOINT, dataset, audio)
    elif not alone or read(path)[1].calibration is None:
        calibrate(path, dataset, audio, held_speech)
    path = path.replace(folder / CHECKPOINT)
    click.echo(f"{path}: {'that run' if alone else f'the mean of {len(runs)} runs'}")
