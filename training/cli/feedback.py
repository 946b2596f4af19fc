"""`feedback`: study of the temporal feedback, over seeds and against controls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .options import FOLDER, IN_FILE, IN_FOLDER, data_argument, data_options, open_data


@click.command()
@data_argument
@data_options
@click.option("--config", "name", default="feedback", show_default=True)
@click.option("--set", "changes", multiple=True, metavar="SECTION.ENTRY=VALUE")
@click.option("--start", required=True, help="Initial weights of all variants.")
@click.option("--lessons", "soft_targets", type=IN_FILE, help="Soft targets (`teach`).")
@click.option("--speech", type=IN_FOLDER, help="As for `train`.")
@click.option("--seeds", type=click.IntRange(1), default=5, show_default=True)
@click.option("--first-seed", type=click.IntRange(1), default=1, show_default=True)
@click.option("--split", type=click.Choice(["valid", "test"]), default="test", show_default=True)
@click.option("--folder", type=FOLDER, default=Path("runs/feedback"), show_default=True)
@click.option("-o", "--output", type=FOLDER, required=True, help="Folder for the predictions.")
def command(
    data: Path,
    name: str,
    changes: tuple[str, ...],
    start: str,
    soft_targets: Path | None,
    speech: Path | None,
    seeds: int,
    first_seed: int,
    split: str,
    folder: Path,
    output: Path,
    **where: Any,
) -> None:
    """Train with different gate inputs: the state, nothing, the present window, another stream.

    Every variant is trained with every seed from the same initial weights. `compare` compares the
    predictions.
    """
    from ..distillation.soft_targets import read_soft_targets
    from ..evaluation import make_folder, scored_tracks
    from ..literature.rows import find_config
    from ..streams.non_music import recordings
    from ..studies.feedback import Study, run_study

    make_folder(output)
    config = find_config(name, changes).model_copy(update={"start": start})
    dataset, audio = open_data(data, **where)
    targets = read_soft_targets(soft_targets, dataset.labels) if soft_targets is not None else None
    scored = scored_tracks(dataset.tracks, split, dataset.labels, audio)
    study = Study(dataset, audio, config, recordings(speech), targets, scored, folder, output)
    numbers = range(first_seed, first_seed + seeds)
    written = run_study(study, numbers, lambda what: click.echo(what, err=True))
    systems = (f"{name}={','.join(map(str, paths))}" for name, paths in written.items())
    click.echo(f"next:    python -m training compare {' '.join(systems)}")
