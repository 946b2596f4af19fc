"""`train`: from a data set to a finished checkpoint or a model file."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import (
    FILE,
    FOLDER,
    IN_FILE,
    IN_FOLDER,
    check_model_path,
    data_argument,
    data_options,
    held_speech_option,
    open_data,
)

if TYPE_CHECKING:
    from ..evaluation.metrics import TrackMetrics


@click.command()
@data_argument
@click.option(
    "--config",
    "name",
    default="trunk",
    show_default=True,
    help="small (a folder of your music, minutes), trunk, tfcrnn, crnn, or a .toml file.",
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
    help="Initial weights: bundled, a model file, a finished run's model.safetensors, or "
    "EfficientAT's mn04 (.pt); '' for none.  [default: that of the config]",
)
@click.option("--folder", type=FOLDER, help="Folder of the run.  [default: runs/CONFIG]")
@click.option("--speech", type=IN_FOLDER, help="Folder of recorded speech, used as non-music.")
@held_speech_option
@click.option(
    "--lessons",
    "soft_targets",
    type=IN_FILE,
    help="Soft targets written by `teach`: genres, tags, styles.",
)
@click.option(
    "--tags",
    type=IN_FILE,
    help="Train a tagger: a CSV with the column `key`, then one 0 or 1 column per tag.",
)
@click.option("--uncalibrated", is_flag=True, help="Leave temperature and thresholds to `average`.")
@click.option(
    "--folds",
    type=click.IntRange(2, 20),
    help="Cross-validate over train and valid instead, grouped by artist, with this many runs.",
)
@click.option("-o", "--output", type=FILE, help="Also export the model there.")
@data_options
def command(
    data: Path,
    name: str,
    changes: tuple[str, ...],
    start: str | None,
    folder: Path | None,
    speech: Path | None,
    held_speech: Path | None,
    soft_targets: Path | None,
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
    with a sub-folder of audio for every genre; with MagnaTagATune or --tags, a tagger.

    Called again, it resumes. The folder of the run contains model.safetensors, the learning curves
    (log.csv, tensorboard/) and last.safetensors, the checkpoint to resume from.
    """
    if folds is not None and output is not None:
        raise click.UsageError("--folds writes no model and cannot be combined with -o")
    if uncalibrated and output is not None:
        raise click.UsageError("--uncalibrated writes no model and cannot be combined with -o")
    if folds is not None and soft_targets is not None:
        raise click.UsageError("--folds cannot be combined with --lessons: they cover every fold")
    if output is not None:
        check_model_path(output, [data])
    from ..literature.rows import find_config

    config = find_config(name, changes)
    if start is not None:
        config = config.model_copy(update={"start": start})
    folder = folder or Path("runs") / Path(name).stem
    of_genres = {
        "-o": output,
        "--folds": folds,
        "--lessons": soft_targets,
        "--held-speech": held_speech,
        "--uncalibrated": uncalibrated,
    }
    if tags is not None or config.task == "tags":
        _refuse_with_tags(of_genres)
    dataset, audio = open_data(data, kind, subset, lists, cache, tags=tags)
    from ..data import DataError

    if dataset.task == "tags":
        _refuse_with_tags(of_genres)
        config = config.model_copy(update={"task": "tags"})
    elif config.task == "tags":
        raise DataError(f"config entry task: {data} has no tags; give a table with --tags")
    from ..streams.non_music import recordings

    other = recordings(speech)
    if folds is not None:
        from ..trainer.crossvalidate import crossvalidate

        if metrics := crossvalidate(folder, config, dataset, audio, other, folds):
            click.echo(f"{folds} folds, {metrics.tracks} tracks held out: {_words(metrics)}")
            click.echo(f"in {folder}: predictions.csv, predictions.json")
        return
    from ..calibration.calibrate import calibrate
    from ..distillation.soft_targets import read_soft_targets
    from ..trainer.devices import is_first_process
    from ..trainer.train import Trainer

    targets = read_soft_targets(soft_targets, dataset.labels) if soft_targets is not None else None
    trainer = Trainer(folder, config, dataset.tracks, dataset.labels, audio, other, targets)
    windows = {trainer.network.window_for(hop) for hop in config.sequences.hop_samples}
    if output is not None and len(windows) > 1:
        raise DataError(
            "sequences.hops: these hops need different windows, and a model file has one; train "
            "with one of them"
        )
    path = trainer.finished()
    if path is not None:
        click.echo(f"{path}: is already trained")
    else:
        try:
            path = trainer.run()
        except (KeyboardInterrupt, SystemExit):
            click.echo(
                f"stopped at update {trainer.progress.update}; the same command resumes from the "
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

        worst = export_checkpoint(path, output)
        click.echo(f"{output}: agrees with PyTorch within {worst:.1e} over 500 carried steps")
        click.echo(f"run it:  streamgenre --model {shlex.quote(str(output))} FILE")
    elif is_first_process() and config.task == "genre":
        click.echo(f"next:    python -m training evaluate {data} --model {path} -o FIGURES")
        click.echo(f"         python -m training export {folder} -o MODEL.onnx")


def _refuse_with_tags(options: Mapping[str, object]) -> None:
    """Raise UsageError for options that do not apply to taggers."""
    given = next((name for name, value in options.items() if value), None)
    if given == "-o":
        from ..export.onnx import NO_TAGGERS

        raise click.UsageError(f"-o: {NO_TAGGERS}")
    if given is not None:
        raise click.UsageError(f"{given} is for genres and cannot be used for tags")


def _words(metrics: TrackMetrics) -> str:
    """Accuracy and macro recall with their intervals."""
    return f"accuracy {metrics.accuracy}, macro recall {metrics.macro_recall}"
