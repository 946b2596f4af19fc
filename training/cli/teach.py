"""`teach`: outputs of pretrained taggers as soft targets or a table of tags for `train`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import (
    FILE,
    FOLDER,
    IN_FILE,
    IN_FOLDER,
    check_outputs,
    data_argument,
    data_options,
    open_data,
)
from .progress import progress

if TYPE_CHECKING:
    from ..data import AudioCache, DataSet
    from ..inference import Progress

TEACHERS = ("msd_musicnn",)  # others add little (training/EXPERIMENTS.md)
NONE = "none"  # no other teacher than the trunk


@click.command()
@data_argument
@data_options
@click.option(
    "--peers",
    "folder",
    type=IN_FOLDER,
    required=True,
    help="Folder of the taggers: peers.py with load(name), and their weights.",
)
@click.option(
    "--trunk",
    type=IN_FILE,
    help="EfficientAT's mn04 (.pt), which provides AudioSet tags; required for soft targets.",
)
@click.option(
    "--teacher",
    "names",
    multiple=True,
    help=f"Name for load(); {NONE}: only the trunk.  [default: {', '.join(TEACHERS)}]",
)
@click.option(
    "--heard",
    "outputs",
    type=FOLDER,
    default=Path("runs/heard"),
    show_default=True,
    help="Folder that caches the outputs of each tagger.",
)
@click.option("-o", "--output", type=FILE, help="File for the soft targets (.safetensors).")
@click.option(
    "--tags-csv",
    "table",
    type=FILE,
    help="File for the tags of one teacher, for train, valid and test (`train --tags`).",
)
def command(
    data: Path,
    folder: Path,
    trunk: Path | None,
    names: tuple[str, ...],
    outputs: Path,
    output: Path | None,
    table: Path | None,
    **where: Any,
) -> None:
    """Run pretrained taggers on the training tracks of DATA, with or without a genre.

    The soft targets contain genre probabilities, tags over time, styles, and the probability of
    music. A teacher takes at most 0.05 s per second of audio. A table of tags uses one teacher; a
    tag is assigned as often as the teacher expects.
    """
    names = () if names == (NONE,) else names or TEACHERS
    if output is None and table is None:
        raise click.UsageError("give -o for soft targets, --tags-csv for a table of tags, or both")
    if output is not None and trunk is None:
        raise click.UsageError("soft targets (-o) need --trunk")
    if table is not None and len(names) > 1:
        raise click.UsageError("--tags-csv needs a single --teacher")
    check_outputs([path for path in (output, table) if path is not None])
    from ..distillation.make import teach
    from ..distillation.outputs import open_peers
    from ..distillation.soft_targets import write_soft_targets

    dataset, audio = open_data(data, **where)
    peers = open_peers(folder)
    messages = []
    with progress() as report:
        if output is not None and trunk is not None:
            targets = teach(dataset, audio, peers, trunk, names, outputs, report)
            write_soft_targets(output, targets)
            count = f"{len(targets.by_key)} tracks, {len(targets.tags)} tags"
            messages.append(f"{output}: soft targets for {count}")
        if table is not None:
            messages.append(_tag_table(dataset, audio, peers, names[0], outputs, table, report))
    click.echo("\n".join(messages))


def _tag_table(
    dataset: DataSet,
    audio: AudioCache,
    peers: Any,
    name: str,
    outputs: Path,
    table: Path,
    report: Progress,
) -> str:
    """Write the table of tags. Returns a message."""
    from ..distillation.outputs import cached_outputs, tagger_outputs
    from ..distillation.tag_table import SPLITS, write_tags

    tracks = [t for t in dataset.tracks if t.split in SPLITS and t.key in audio]
    keys = [t.key for t in tracks]
    peer = peers.load(name)
    compute = partial(tagger_outputs, peer)
    rows = cached_outputs(outputs / f"{name}.npz", audio, keys, compute, report)
    assigned = write_tags(table, tracks, list(peer.labels), rows)
    mean = assigned.sum(1).mean()
    return f"{table}: {len(tracks)} tracks, {assigned.shape[1]} tags, {mean:.1f} tags per track"
