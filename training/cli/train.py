"""`train`: from a data set to a finished checkpoint, or to a whole model."""

from __future__ import annotations

from pathlib import Path

import click

from .options import data_argument, data_options, opened

_folder = click.Path(path_type=Path, file_okay=False)


@click.command()
@data_argument
@click.option(
    "--config",
    "name",
    default="trunk",
    show_default=True,
    help="trunk, tfcrnn, crnn, or a .toml file.",
)
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="SECTION.ENTRY=VALUE",
    help="Override the config: run.seed=2, sequences.hops=[2.5].",
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
@click.option(
    "--held-speech",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Other speech, to fit the threshold of `music` on.",
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
    folds: int | None,
    output: Path | None,
    kind: str,
    subset: str,
    lists: Path | None,
    cache: Path | None,
) -> None:
    """Train a streaming network on DATA: FMA, GTZAN, Extended Ballroom, a manifest, or a folder
    with a sub-folder of audio for every genre.

    Called again, it goes on where it was broken off. The run's folder gets model.safetensors, the
    curves (log.csv, tensorboard/) and last.safetensors, from which it goes on.
    """
    from ..config import read_config
    from ..data import DataError

    # "" is a start, too.
    config = read_config(name, [*changes] if start is None else [*changes, f'start="{start}"'])
    if output is not None and not output.parent.is_dir():
        raise DataError(f"{output}: there is no folder {output.parent}")
    folder = folder or Path("runs") / Path(name).stem
    dataset, audio = opened(data, kind, subset, lists, cache)
    if dataset.task != "genre":
        raise DataError(f"{data}: holds tags, not genres; training on tags is not there yet")
    from ..not_music import recordings

    other = recordings(speech)
    if folds is not None:
        from ..crossvalidate import crossvalidate

        if figures := crossvalidate(folder, config, dataset, audio, other, folds):
            click.echo(f"{folder / 'predictions.csv'}: {figures}")
        return
    from ..calibrate import calibrate
    from ..devices import is_first_process
    from ..train import Trainer

    trainer = Trainer(folder, config, dataset.tracks, dataset.labels, audio, other)
    path = trainer.run()
    if not is_first_process():
        return
    found = calibrate(path, dataset, audio, held_speech)
    click.echo(f"{path}: temperature {found.temperature:.2f}")
    if output is not None:
        from ..export import export_checkpoint

        worst = export_checkpoint(path, output, {}, {})
        click.echo(f"{output}: agrees with PyTorch within {worst:.1e} over 500 carried steps")
