"""`teach`: what pretrained taggers say of a data set, as lessons for `train`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .options import data_argument, data_options, opened
from .progress import progress

TEACHERS = ("msd_musicnn",)  # others add little: README


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
    required=True,
    help="EfficientAT's mn04 (.pt): the trunk's own opinion, and AudioSet's tags.",
)
@click.option("--teacher", "names", multiple=True, help=f"[default: {', '.join(TEACHERS)}]")
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
    required=True,
    help="The lessons (.safetensors).",
)
def command(
    data: Path,
    folder: Path,
    trunk: Path,
    names: tuple[str, ...],
    heard: Path,
    output: Path,
    **where: Any,
) -> None:
    """Have pretrained taggers listen to the training tracks of DATA, those without a genre, too.

    The lessons hold soft genres, tags over time, styles, and whether there is music at all; a
    second of audio takes a teacher a twentieth of a second or less.
    """
    from ..data import DataError

    if not output.resolve().parent.is_dir():
        raise DataError(f"{output}: there is no folder {output.parent}; make it first")
    from ..config import Sequences
    from ..lessons import write_lessons
    from ..teachers.hear import Trunk, hear, open_peers, say
    from ..teachers.make import make_lessons

    dataset, audio = opened(data, **where)
    tracks = [t for t in dataset.tracks if t.split == "train" and t.key in audio]
    keys = [t.key for t in tracks]
    peers = open_peers(folder)
    own = Trunk(trunk)
    teachers, words = {}, {}
    with progress() as told:
        trunk_said = hear(heard / "trunk.npz", audio, keys, own.say, told)
        for name in names or TEACHERS:
            peer = peers.load(name)
            words[name] = list(peer.labels)
            said = lambda samples, peer=peer: say(peer, samples)  # noqa: E731
            teachers[name] = hear(heard / f"{name}.npz", audio, keys, said, told)
    audioset = list(peers.load("mn04").labels)
    lessons = make_lessons(
        tracks, dataset.labels, trunk_said, audioset, teachers, words, Sequences().class_power
    )
    write_lessons(output, lessons)
    click.echo(f"{output}: lessons for {len(tracks)} tracks, {len(lessons.tags)} tags")
