"""`teach`: what pretrained taggers say of a data set, as lessons or a table of tags for `train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import data_argument, data_options, opened
from .progress import progress

if TYPE_CHECKING:
    from ..data import AudioCache, DataSet
    from ..inference import Progress

TEACHERS = ("msd_musicnn",)  # others add little: README
NONE = "none"  # the trunk alone


@click.command()
@data_argument
@data_options
@click.option(
    "--peers",
    "folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    required=True,
    help="Folder of the taggers: peers.py with load(name), and their weights.",
)
@click.option(
    "--trunk",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="EfficientAT's mn04 (.pt): the trunk's own opinion, and AudioSet's tags; for lessons.",
)
@click.option(
    "--teacher",
    "names",
    multiple=True,
    help=f"{NONE}: the trunk alone.  [default: {', '.join(TEACHERS)}]",
)
@click.option(
    "--heard",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs/heard"),
    show_default=True,
    help="Folder for what each of them says: a broken-off run goes on from it.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The lessons (.safetensors).",
)
@click.option(
    "--tags-csv",
    "table",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A table of a teacher's tags, of train, valid and test: for `train --tags`.",
)
def command(
    data: Path,
    folder: Path,
    trunk: Path | None,
    names: tuple[str, ...],
    heard: Path,
    output: Path | None,
    table: Path | None,
    **where: Any,
) -> None:
    """Have pretrained taggers listen to the training tracks of DATA, those without a genre, too.

    The lessons hold soft genres, tags over time, styles, and whether there is music at all; a
    second of audio takes a teacher a twentieth of a second or less. A table of tags is of one
    teacher; a tag is as common in it as the teacher expects.
    """
    from ..data import DataError

    names = () if names == (NONE,) else names or TEACHERS
    if output is None and table is None:
        raise click.UsageError("give -o for lessons, --tags-csv for a table of tags, or both")
    if output is not None and trunk is None:
        raise click.UsageError("lessons (-o) need --trunk")
    if table is not None and len(names) > 1:
        raise click.UsageError("--tags-csv is of one --teacher")
    for path in (output, table):
        if path is not None and not path.resolve().parent.is_dir():
            raise DataError(f"{path}: there is no folder {path.parent}; make it first")
    from ..distillation.hear import open_peers

    dataset, audio = opened(data, **where)
    peers = open_peers(folder)
    said = []
    with progress() as bars:
        if output is not None and trunk is not None:
            said.append(_lessons(dataset, audio, peers, trunk, names, heard, output, bars))
        if table is not None:
            said.append(_table(dataset, audio, peers, names[0], heard, table, bars))
    click.echo("\n".join(said))


def _lessons(
    dataset: DataSet,
    audio: AudioCache,
    peers: Any,
    trunk: Path,
    names: tuple[str, ...],
    heard: Path,
    output: Path,
    bars: Progress,
) -> str:
    """Writes them; what to say of it."""
    from ..config import Sequences
    from ..distillation.hear import Trunk, hear, say
    from ..distillation.make import make_lessons
    from ..distillation.soft_targets import write_lessons

    tracks = [t for t in dataset.tracks if t.split == "train" and t.key in audio]
    keys = [t.key for t in tracks]
    own = Trunk(trunk)
    teachers, words = {}, {}
    trunk_said = hear(heard / "trunk.npz", audio, keys, own.say, bars)
    for name in names:
        peer = peers.load(name)
        words[name] = list(peer.labels)
        said = lambda samples, peer=peer: say(peer, samples)  # noqa: E731
        teachers[name] = hear(heard / f"{name}.npz", audio, keys, said, bars)
    audioset = list(peers.load("mn04").labels)
    lessons = make_lessons(
        tracks, dataset.labels, trunk_said, audioset, teachers, words, Sequences().class_power
    )
    write_lessons(output, lessons)
    return f"{output}: lessons for {len(tracks)} tracks, {len(lessons.tags)} tags"


def _table(
    dataset: DataSet,
    audio: AudioCache,
    peers: Any,
    name: str,
    heard: Path,
    table: Path,
    bars: Progress,
) -> str:
    """Writes it; what to say of it."""
    from ..distillation.borne import SPLITS, write_tags
    from ..distillation.hear import hear, say

    tracks = [t for t in dataset.tracks if t.split in SPLITS and t.key in audio]
    peer = peers.load(name)
    said = hear(heard / f"{name}.npz", audio, [t.key for t in tracks], lambda x: say(peer, x), bars)
    borne = write_tags(table, tracks, list(peer.labels), said)
    return (
        f"{table}: {len(tracks)} tracks, {borne.shape[1]} tags, {borne.sum(1).mean():.1f} to a "
        "track"
    )
