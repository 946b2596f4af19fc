"""`average`: several runs from one start as one network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .options import Number, data_argument, data_options, held_speech_option, opened


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
    type=Number(0, 1, max_open=True),
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
@click.option(
    "--speech",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of recorded speech: adds a layer that tells it from noise and music.",
)
@held_speech_option
@click.option(
    "--calibrated-as",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of a run of the same recipe without `valid`: take its temperature and thresholds.",
)
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), required=True, help="Of the mean."
)
def command(
    data: Path,
    runs: tuple[Path, ...],
    start_share: float,
    taught: Path | None,
    speech: Path | None,
    held_speech: Path | None,
    calibrated_as: Path | None,
    folder: Path,
    **where: Any,
) -> None:
    """Average the weights of runs that share their start, and calibrate the mean on DATA's valid.

    About as good as their ensemble, at the cost of one network (model soups, Wortsman 2022). Of one
    run alone, without --start-share, weights and calibration stay: for adding to a finished one.
    """
    import shutil

    from ..calibration.calibrate import calibrate, calibrate_as
    from ..checkpoint import read, write
    from ..data import DataError
    from ..distillation.soft_targets import read_lessons
    from ..heads.speech import finish_speech
    from ..heads.styles import finish_styles
    from ..trainer.weight_averaging import average
    from .evaluate import CHECKPOINT

    for run in runs:
        if not (run / CHECKPOINT).is_file():
            raise DataError(f"{run}: no {CHECKPOINT} in it, which a run writes at its end")
    dataset, audio = opened(data, **where)
    # Under its name once it is whole: who finds it there need not do it again.
    path = folder / f"unfinished-{CHECKPOINT}"
    alone = len(runs) == 1 and not start_share
    if alone:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(runs[0] / CHECKPOINT, path)
    else:
        average([run / CHECKPOINT for run in runs], path, start_share)
        tensors, about = read(path)
        if about.pop("before_speech", None):  # figures of the first run are not the mean's
            write(path, tensors, about)
    if taught is not None:
        before, after = finish_styles(path, dataset, audio, read_lessons(taught, dataset.labels))
        click.echo(f"styles: cross-entropy {before:.4f} before, {after:.4f} after")
    if speech is not None:
        before, after = finish_speech(path, dataset, audio, speech)
        click.echo(f"speech: cross-entropy {before:.4f} before, {after:.4f} after")
    if calibrated_as is not None:
        calibrate_as(path, calibrated_as / CHECKPOINT, dataset, audio)
    elif not alone or "calibration" not in read(path)[1]:
        calibrate(path, dataset, audio, held_speech)
    path = path.replace(folder / CHECKPOINT)
    click.echo(f"{path}: {'that run' if alone else f'the mean of {len(runs)} runs'}")
