"""`adapt`: your own genres from a folder of music, on top of an existing model."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streamgenre.errors import one_line

from .options import FILE, check_model_path, data_argument, data_options
from .progress import progress

if TYPE_CHECKING:
    from ..adapt import Adaptation
    from ..data import DataSet, Track


@click.command()
@data_argument
@data_options
@click.option("-o", "--output", type=FILE, required=True, help="The new model: one ONNX file.")
@click.option(
    "--model",
    "base_path",
    type=click.Path(path_type=Path),
    help="Model to build on, ONNX.  [default: the bundled one]",
)
@click.option("--name", help="Name of the new model.  [default: that of the output]")
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    help="Fine-tune all layers of this checkpoint (.safetensors) instead; needs torch. Measured on "
    "the valid part of DATA instead of by cross-validation.",
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
    """Fit the genres of DATA, and measure them by cross-validation grouped by artist.

    DATA is a folder per genre (jazz/song.mp3, or jazz/artist/song.mp3), which is used completely,
    or any other data set, whose test part is reserved for `evaluate`. A few dozen tracks suffice.
    """
    if checkpoint is not None and (base_path is not None or name is not None):
        raise click.UsageError("--checkpoint cannot be combined with --model or --name")
    check_model_path(output, [path for path in (data, base_path, checkpoint) if path is not None])

    from streamgenre.model.model import read_model

    from ..data import AudioCache, DataError, default_cache, open_dataset
    from ..data.copies import cached_copies, copy_warnings, grouped_copies

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
    copies = cached_copies(audio, folder)
    for warning in copy_warnings(tracks, copies, by_split=checkpoint is not None):
        click.echo(f"warning: {one_line(warning)}", err=True)
    tracks = list(grouped_copies(tracks, copies))

    if checkpoint is not None:
        from ..trainer.finetune import finetune

        measured = finetune(checkpoint, dataset, audio, output)
        value, low, high = measured.accuracy
        click.echo(
            f"accuracy on the valid part of DATA, {measured.tracks} tracks: {value:.2f} "
            f"({low:.2f} to {high:.2f})"
        )
        click.echo(how_to_run(output))
        return
    for caution in cautions(tracks, audio, base.card.sample_rate):
        click.echo(f"warning: {one_line(caution)}", err=True)
    with progress() as done:
        adaptation = adapt(tracks, audio, base, output, name, done)
    show(adaptation, output)


def chosen(dataset: DataSet) -> list[Track]:
    """All tracks of a folder per genre; the training and validation tracks of other layouts."""
    from ..data import DataError

    if dataset.task != "genre":
        raise DataError(
            f"{dataset.root}: contains {dataset.task}, and adapt needs one genre per track; give a "
            "folder with a sub-folder per genre"
        )
    labelled = [t for t in dataset.tracks if t.genre]
    if dataset.name == "folders":
        return labelled
    return [t for t in labelled if t.split in ("train", "valid")]


def show(adaptation: Adaptation, output: Path) -> None:
    """Print tracks and recall of each genre, overall metrics beside chance, and the next step."""
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
        f"of {total} held-out tracks, {no_music} would mostly be classified as no music and "
        f"{unsure} mostly as unsure (steps of {adaptation.card.live_hop:g} s)"
    )
    click.echo(how_to_run(output))


def how_to_run(output: Path) -> str:
    """The last lines of the output."""
    return f"written: {output}\nrun it:  streamgenre --model {shlex.quote(str(output))} FILE"
