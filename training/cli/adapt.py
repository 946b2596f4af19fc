"""`adapt`: own genres from a folder of own music, on a model that runs already."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streamgenre.errors import one_line

from .options import check_output, data_argument, data_options
from .progress import progress

if TYPE_CHECKING:
    from ..adapt import Adaptation
    from ..data import DataSet, Track


@click.command()
@data_argument
@data_options
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The new model: one ONNX file.",
)
@click.option(
    "--model",
    "base_path",
    type=click.Path(path_type=Path),
    help="Model to build on, ONNX.  [default: the bundled one]",
)
@click.option("--name", help="Of the new model.  [default: the output's]")
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    help="Train this checkpoint (.safetensors) on instead, every layer of it; needs torch. "
    "Measured on the valid part of DATA, not by cross-validation; figures are printed at the end.",
)
def command(
    data: Path,
    output: Path,
    base_path: Path | None,
    name: str | None,
    checkpoint: Path | None,
    cache: Path | None,
    **layout: Any,
) -> None:
    """Fit the genres of DATA, and measure them by cross-validation with artists kept apart.

    DATA is a folder per genre (jazz/song.mp3, or jazz/artist/song.mp3), all of which is used, or
    any other data set, of which the test part is left for `evaluate`. A few dozen tracks will do.
    """
    if checkpoint is not None and (base_path is not None or name is not None):
        raise click.UsageError("--checkpoint goes with neither --model nor --name")
    check_output(output, [path for path in (data, base_path, checkpoint) if path is not None])

    from streamgenre.model.model import read_model

    from ..data import AudioCache, DataError, default_cache, open_dataset
    from ..data.copies import copy_warnings, kept_copies, one_group

    if checkpoint is not None and not checkpoint.is_file():
        raise DataError(f"{checkpoint}: no such checkpoint")
    if checkpoint is None:
        from ..adapt import Base, adapt, cautions

        where, content = read_model(base_path)
        base = Base.read(content, where)

    dataset = open_dataset(data, **layout)
    tracks = chosen(dataset)
    for warning in dataset.warnings:
        click.echo(f"warning: {warning}", err=True)
    folder = cache or default_cache(data)
    audio = AudioCache.build(tracks, folder)
    copies = kept_copies(audio, folder)
    for warning in copy_warnings(tracks, copies):
        click.echo(f"warning: {one_line(warning)}", err=True)
    tracks = list(one_group(tracks, copies))

    if checkpoint is not None:
        from ..trainer.finetune import finetune

        measured = finetune(checkpoint, dataset, audio, output)
        click.echo(
            "accuracy on the valid part of DATA, {tracks} tracks: {accuracy:.2f} "
            "({accuracy_low:.2f} to {accuracy_high:.2f})".format(**measured)
        )
        click.echo(how_to_run(output))
        return
    for caution in cautions(tracks, audio, base.card.sample_rate):
        click.echo(f"warning: {one_line(caution)}", err=True)
    with progress() as done:
        adaptation = adapt(tracks, audio, base, output, name, done)
    show(adaptation, output)


def chosen(dataset: DataSet) -> list[Track]:
    """All of a folder per genre; of other layouts what is not for measuring."""
    from ..data import DataError

    if dataset.task != "genre":
        raise DataError(
            f"{dataset.root}: holds {dataset.task}, many to a track, and this fits genres, one to "
            "a track; give a folder for each genre"
        )
    labelled = [t for t in dataset.tracks if t.genre]
    if dataset.name == "folders":
        return labelled
    return [t for t in labelled if t.split in ("train", "valid")]


def show(adaptation: Adaptation, output: Path) -> None:
    """Each genre's tracks and recall, the whole beside chance, and how to go on."""
    from rich.console import Console
    from rich.table import Table

    hops = adaptation.metrics
    columns = [f"recall, steps of {hop:g} s" for hop in hops]
    table = Table("genre", "tracks", *columns, title=f"{adaptation.folds}-fold cross-validation")
    for column in table.columns[1:]:
        column.justify = "right"
    for label in adaptation.labels:
        recalls = (f"{metrics.recall(label):.2f}" for metrics in hops.values())
        table.add_row(label, str(adaptation.tracks[label]), *recalls)
    table.add_section()
    total = str(sum(adaptation.tracks.values()))
    for key, words in (("accuracy", "all"), ("macro_recall", "mean of genres")):
        values = (metrics.tracks[key] for metrics in hops.values())
        table.add_row(
            words, total, *(f"{v:.2f} ({low:.2f} to {high:.2f})" for v, low, high in values)
        )
    table.add_row("by chance", "", *(f"{metrics.chance:.2f}" for metrics in hops.values()))
    console = Console(highlight=False, markup=False)
    console.print(table)
    no_music, unsure = adaptation.without_genre
    click.echo(
        f"of {total} tracks left out, {no_music} would mostly be taken for no music and {unsure} "
        f"mostly stay unsure (steps of {adaptation.card.live_hop:g} s)"
    )
    click.echo(how_to_run(output))


def how_to_run(output: Path) -> str:
    """The lines that end the command."""
    return f"written: {output}\nrun it:  streamgenre --model {shlex.quote(str(output))} FILE"
