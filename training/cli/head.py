"""`head`: a perceptron on frozen embeddings, as initial weights and as a baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .options import FILE, FOLDER, IN_FILE, data_argument, data_options, open_data
from .progress import progress


@click.command()
@data_argument
@click.option("--config", "name", default="pooled", show_default=True)
@click.option("--set", "changes", multiple=True, metavar="SECTION.ENTRY=VALUE")
@click.option(
    "--start",
    type=IN_FILE,
    required=True,
    help="EfficientAT's mn04_as_mAP_432.pt, or a model with the backbone to use.",
)
@click.option(
    "--folder",
    type=FOLDER,
    help="Folder for a network with this head, as model.safetensors, for `train --start`.",
)
@click.option(
    "--baseline",
    "predictions",
    type=FILE,
    help="File for the predictions (.csv) of a perceptron on the mean embedding of each clip.",
)
@click.option(
    "--split", default="valid", show_default=True, help="Split to predict for --baseline."
)
@click.option("--embedded", type=FOLDER, required=True, help="Folder that caches the embeddings.")
@data_options
def command(
    data: Path,
    name: str,
    changes: tuple[str, ...],
    start: Path,
    folder: Path | None,
    predictions: Path | None,
    split: str,
    embedded: Path,
    **where: Any,
) -> None:
    """Fit a perceptron on frozen embeddings of DATA, in a minute after the embedding.

    The training tracks are those of the config's run.splits. For learning curves, sequences.share
    and sequences.draw select a share of the artists.
    """
    if folder is None and predictions is None:
        raise click.UsageError("give --folder, --baseline, or both")
    from ..evaluation.predictions import write_predictions
    from ..heads.start import baseline, fit_head, labelled_tracks
    from ..literature.rows import find_config

    config = find_config(name, changes).model_copy(update={"start": str(start)})
    dataset, audio = open_data(data, **where)
    with progress() as report:
        if folder is not None:
            path = fit_head(config, dataset, audio, folder, embedded, report)
            click.echo(f"{path}: the network with its head")
        if predictions is not None:
            measured = labelled_tracks(dataset, audio, (split,))
            rows = baseline(config, dataset, audio, measured, embedded, report)
            write_predictions(predictions, measured, dataset.labels, rows)
            click.echo(f"{predictions}: {len(measured)} tracks")
