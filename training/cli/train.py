"""`train`: from a data set to a finished checkpoint, or to a whole model."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import check_output, data_argument, data_options, held_speech_option, opened

_folder = click.Path(path_type=Path, file_okay=False)

if TYPE_CHECKING:
    from ..evaluation.metrics import TrackMetrics


@click.command()
@data_argument
@click.option(
    "--config",
    "name",
    default="trunk",
    show_default=True,
    help="small (a folder of own music, minutes), trunk, tfcrnn, crnn, or a .toml file.",
)
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="SECTION.ENTRY=VALUE",
    help="Override the config: run.seed=2, sequences.hops=[2.5]; training/config.py lists all.",
)
@click.option(
    "--start",
    help="Weights to start from: bundled, a model file, a finished run's model.safetensors, or "
    "EfficientAT's mn04 (.pt); '' for none.  [default: the config's]",
)
@click.option("--folder", type=_folder, help="Folder of the run.  [default: runs/CONFIG]")
@click.option(
    "--speech",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of recorded speech to learn as no music.",
)
@held_speech_option
@click.option(
    "--lessons",
    "taught",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="What teachers say of the tracks (`teach` writes it): soft genres, tags, styles.",
)
@click.option(
    "--tags",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Train a tagger: a CSV with the column `key` of the tracks, then one of 0 or 1 a tag.",
)
@click.option(
    "--uncalibrated",
    is_flag=True,
    help="Leave the temperature and the thresholds for `average` to fit.",
)
@click.option(
    "--folds",
    type=click.IntRange(2, 20),
    help="Cross-validation instead: so many runs over train and valid, grouped by artist.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also export the model there.",
)
@data_options
def command(
    data: Path,
    name: str,
    changes: tuple[str, ...],
    start: str | None,
    folder: Path | None,
    speech: Path | None,
    held_speech: Path | None,
    taught: Path | None,
    tags: Path | None,
    uncalibrated: bool,
    folds: int | None,
    output: Path | None,
    kind: str,
    subset: str,
    lists: Path | None,
    cache: Path | None,
) -> None:
    """Train a streaming network on DATA: FMA, GTZAN, Extended Ballroom, a manifest, or a folder
    with a sub-folder of audio for every genre; on MagnaTagATune or with --tags, a tagger.

    Called again, it goes on where it was broken off. The run's folder gets model.safetensors, the
    curves (log.csv, tensorboard/) and last.safetensors, from which it goes on.
    """
    if folds is not None and output is not None:
        raise click.UsageError("--folds measures and leaves no model: it goes without -o")
    if uncalibrated and output is not None:
        raise click.UsageError("--uncalibrated leaves no model: it goes without -o")
    if folds is not None and taught is not None:
        raise click.UsageError("--folds goes without --lessons: teachers have heard every fold")
    if output is not None:
        check_output(output, [data])
    from ..literature.rows import find_config

    config = find_config(name, changes)
    if start is not None:
        config = config.model_copy(update={"start": start})
    folder = folder or Path("runs") / Path(name).stem
    of_genres = {
        "-o": output,
        "--folds": folds,
        "--lessons": taught,
        "--held-speech": held_speech,
        "--uncalibrated": uncalibrated,
    }
    if tags is not None or config.task == "tags":
        _refuse_with_tags(of_genres)
    dataset, audio = opened(data, kind, subset, lists, cache, tags=tags)
    from ..data import DataError

    if dataset.task == "tags":
        _refuse_with_tags(of_genres)
        config = config.model_copy(update={"task": "tags"})
    elif config.task == "tags":
        raise DataError(f"config entry task: {data} has no tags; give a table of them with --tags")
    from ..streams.non_music import recordings

    other = recordings(speech)
    if folds is not None:
        from ..trainer.crossvalidate import crossvalidate

        if metrics := crossvalidate(folder, config, dataset, audio, other, folds):
            click.echo(f"{folds} folds, {metrics.tracks} tracks held out: {_words(metrics)}")
            click.echo(f"in {folder}: predictions.csv, predictions.json")
        return
    from ..calibration.calibrate import calibrate
    from ..distillation.soft_targets import read_lessons
    from ..trainer.devices import is_first_process
    from ..trainer.train import Trainer

    lessons = read_lessons(taught, dataset.labels) if taught is not None else None
    trainer = Trainer(folder, config, dataset.tracks, dataset.labels, audio, other, lessons)
    windows = {trainer.network.window_for(hop) for hop in config.sequences.hop_samples}
    if output is not None and len(windows) > 1:
        raise DataError(
            "sequences.hops: these hops need windows of their own, and one model file has one; "
            "train with one of them"
        )
    path = trainer.finished()
    if path is not None:
        click.echo(f"{path}: has been trained already")
    else:
        try:
            path = trainer.run()
        except KeyboardInterrupt:
            click.echo(
                f"stopped at update {trainer.progress.update}; the same command goes on from the "
                f"last checkpoint in {folder}",
                err=True,
            )
            raise
        if not is_first_process():
            return
        if uncalibrated or config.task == "tags":
            click.echo(f"trained: {path}")
            return
        click.echo("fitting temperature and thresholds on valid ...", err=True)
        calibrate(path, dataset, audio, held_speech)
        click.echo(f"trained: {path}")
    if output is not None and is_first_process():
        from ..export.onnx import export_checkpoint

        worst = export_checkpoint(path, output, {}, {})
        click.echo(f"{output}: agrees with PyTorch within {worst:.1e} over 500 carried steps")
        click.echo(f"run it:  streamgenre --model {shlex.quote(str(output))} FILE")
    elif is_first_process() and config.task == "genre":
        click.echo(f"next:    python -m training evaluate {data} --model {path} -o FIGURES")
        click.echo(f"         python -m training export {folder} -o MODEL.onnx")


def _refuse_with_tags(options: Mapping[str, object]) -> None:
    """Options that a tagger has no use for."""
    given = next((name for name, value in options.items() if value), None)
    if given == "-o":
        from ..export.onnx import NO_TAGGERS

        raise click.UsageError(f"-o: {NO_TAGGERS}")
    if given is not None:
        raise click.UsageError(f"{given} is for genres; tags are trained without it")


def _words(metrics: TrackMetrics) -> str:
    """Accuracy and macro recall with their intervals."""
    return f"accuracy {metrics.accuracy}, macro recall {metrics.macro_recall}"
