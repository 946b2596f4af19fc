"""`listen`: visualisation by activation maximisation of a genre or a neuron."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import FOLDER, IN_PATH, Number, checkpoint_in, data_options, open_data
from .progress import progress

if TYPE_CHECKING:
    from ..visualisation import Visualisation


@click.command()
@click.argument("data", type=click.Path(path_type=Path), required=False)
@data_options
@click.option("--genre", help="A genre of the model.")
@click.option(
    "--neuron",
    type=int,
    help="Index in the embedding.  [default: that of the genre, by DATA or the classifier]",
)
@click.option(
    "--method",
    type=click.Choice(["genre", "neuron", "weights"]),
    help="Maximise the genre's output or a neuron, or show the weights of a neuron.  "
    "[default: genre; with --neuron, neuron]",
)
@click.option(
    "--model",
    "path",
    type=IN_PATH,
    help="ONNX file, checkpoint, or the folder of a finished run.  [default: the bundled model]",
)
@click.option("--seconds", type=Number(0, 600, min_open=True), default=10.0, show_default=True)
@click.option(
    "--updates",
    type=click.IntRange(1),
    default=200,
    show_default=True,
    help="Number of gradient steps.",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
@click.option(
    "-o",
    "--output",
    type=FOLDER,
    default=Path("heard"),
    show_default=True,
    help="Folder for the sound (.wav), picture (.png) and metrics (.json), named by the genre.",
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
    """Make a sound that maximises a genre's output or a neuron, by gradient ascent.

    A log-mel spectrogram is optimised, inverted to sound, and classified by the model. With
    --method neuron or weights, DATA (labelled audio) selects the neuron that is most often the most
    active.
    """
    method = method or ("genre" if neuron is None else "neuron")
    if method == "genre" and neuron is not None:
        raise click.UsageError("--neuron requires --method neuron or weights")
    if data is not None and (method == "genre" or neuron is not None):
        raise click.UsageError(
            "DATA selects a neuron: give it with --method neuron or weights, without --neuron"
        )

    from ..evaluation import make_folder
    from ..visualisation import by_audio, open_subject, visualise
    from ..visualisation.maximise import genre_index

    subject = open_subject(None if path is None else checkpoint_in(path))
    if genre is not None:
        genre_index(subject, genre)  # before minutes of decoding
    make_folder(output)
    dataset, audio = (None, None) if data is None else open_data(data, for_training=False, **where)
    with progress() as bars:

        def measured(genre: str) -> Any:
            assert dataset is not None and audio is not None
            return by_audio(
                subject, genre, dataset.tracks, audio, lambda now, of: bars("tracks", now, of)
            )

        result = visualise(
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
    written = result.write()
    show(result)
    click.echo(f"in {output}: {', '.join(file.name for file in written)}")


def show(result: Visualisation) -> None:
    """Print the neuron and the reason for it, and the target before and after the inversion."""
    if result.choice is not None:
        click.echo(result.choice.why)
    timeline = result.timeline
    click.echo(f"{result.name}, steps of {result.subject.hop.seconds:g} s")
    click.echo(f"  at the start     {result.start}")
    click.echo(f"  on the log-mel   {result.before}")
    click.echo(f"  after inversion  {result.after}: {timeline.genre or timeline.status}")
