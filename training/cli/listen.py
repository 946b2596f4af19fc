"""`listen`: the sound that a network takes for a genre, or that one of its neurons waits for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .evaluate import CHECKPOINT
from .options import Number, data_options, opened
from .progress import progress

if TYPE_CHECKING:
    from ..visualisation import Listened


@click.command()
@click.argument("data", type=click.Path(path_type=Path), required=False)
@data_options
@click.option("--genre", help="Of the model's.")
@click.option(
    "--neuron",
    type=int,
    help="Of the embedding.  [default: the genre's, by DATA, or by the classifier's weights]",
)
@click.option(
    "--method",
    type=click.Choice(["genre", "neuron", "weights"]),
    help="What is excited: the genre's output or a neuron; weights: what a neuron's weights come "
    "to in sound.  [default: genre; neuron, where one is given]",
)
@click.option(
    "--model",
    "path",
    type=click.Path(path_type=Path, exists=True),
    help="ONNX file, checkpoint, or the folder of a finished run.  [default: the bundled model]",
)
@click.option("--seconds", type=Number(0, 600, min_open=True), default=10.0, show_default=True)
@click.option(
    "--updates", type=click.IntRange(1), default=200, show_default=True, help="Of the ascent."
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("heard"),
    show_default=True,
    help="Folder for the sound (.wav), its picture (.png) and figures (.json), named by the genre.",
)
def command(
    data: Path | None,
    genre: str | None,
    neuron: int | None,
    method: Any,
    path: Path | None,
    output: Path,
    seconds: float,
    updates: int,
    seed: int,
    **where: Any,
) -> None:
    """Make the sound that excites a genre's output or a neuron most, by gradient ascent.

    It is painted as a log-mel spectrogram, inverted to sound, and heard again by the model. DATA,
    labelled audio, is for --method neuron or weights: whose neuron is most often the most active.
    """
    method = method or ("genre" if neuron is None else "neuron")
    if method == "genre" and neuron is not None:
        raise click.UsageError("--neuron goes with --method neuron or weights")
    if data is not None and (method == "genre" or neuron is not None):
        raise click.UsageError(
            "DATA is for choosing a neuron: give it with --method neuron or weights, without "
            "--neuron"
        )

    from ..data import DataError
    from ..evaluation import make_folder
    from ..visualisation import by_audio, listen, open_subject
    from ..visualisation.listen import genre_index

    if path is not None and path.is_dir():
        if not (path / CHECKPOINT).is_file():
            raise DataError(f"{path}: no {CHECKPOINT} in it, which a run writes at its end")
        path = path / CHECKPOINT
    subject = open_subject(path)
    if genre is not None:
        genre_index(subject, genre)  # before minutes of decoding
    make_folder(output)
    dataset, audio = (None, None) if data is None else opened(data, for_training=False, **where)
    with progress() as bars:

        def measured(genre: str) -> Any:
            assert dataset is not None and audio is not None
            return by_audio(
                subject, genre, dataset.tracks, audio, lambda now, of: bars("tracks", now, of)
            )

        found = listen(
            subject,
            output,
            genre,
            neuron,
            method,
            seconds=seconds,
            updates=updates,
            seed=seed,
            measure=None if dataset is None else measured,
            progress=bars,
        )
    written = found.write()
    show(found)
    click.echo(f"in {output}: {', '.join(file.name for file in written)}")


def show(found: Listened) -> None:
    """The neuron and why, and what was reached before the inversion and after it."""
    if found.choice is not None:
        click.echo(found.choice.why)
    said = found.timeline
    click.echo(f"{found.name}, steps of {found.subject.hop.seconds:g} s")
    click.echo(f"  at the start     {found.start}")
    click.echo(f"  on the log-mel   {found.before}")
    click.echo(f"  as sound, heard  {found.after}: {said.genre or said.status}")
