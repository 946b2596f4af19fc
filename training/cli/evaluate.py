"""`evaluate`: metrics, report, pictures and predictions of a model on one split."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streamgenre.errors import one_line

from .options import (
    FOLDER,
    IN_FILE,
    IN_FOLDER,
    IN_PATH,
    checkpoint_in,
    data_argument,
    data_options,
    open_data,
)
from .progress import progress

if TYPE_CHECKING:
    from streamgenre.model.model import Model

    from ..data import AudioCache, DataSet
    from ..evaluation import EvaluationMetrics, Plan


@click.command()
@data_argument
@data_options
@click.option(
    "--model",
    "path",
    type=IN_PATH,
    help="ONNX file, checkpoint, or the folder of a finished run.  [default: the bundled model]",
)
@click.option(
    "--split",
    type=click.Choice(["valid", "test", "train", "all"]),
    default="test",
    show_default=True,
    help="Select models on valid; use test once per release, and report that.",
)
@click.option(
    "--hop", "hops", type=float, multiple=True, help="In seconds; can be repeated.  [default: all]"
)
@click.option(
    "--mixes",
    type=click.IntRange(0),
    help="Number of mixes for timelines.  [default: 4 per track, at most 100, fewer if music is "
    "scarce]",
)
@click.option(
    "--originals", type=IN_FOLDER, help="Full-quality audio, to measure codec robustness."
)
@click.option(
    "--speech", type=IN_FOLDER, help="Recorded speech, to measure false music. (*.s16: 16 kHz mono)"
)
@click.option("--predictions-only", is_flag=True, help="Accuracy per track and the CSV files only.")
@click.option(
    "--baseline",
    type=IN_FILE,
    help="Predictions of `head --baseline` on the same split, for comparison.",
)
@click.option(
    "-o",
    "--output",
    type=FOLDER,
    required=True,
    help="Folder for SPLIT.json, SPLIT.md, pictures and predictions.",
)
def command(
    data: Path,
    path: Path | None,
    split: str,
    hops: tuple[float, ...],
    mixes: int | None,
    originals: Path | None,
    speech: Path | None,
    predictions_only: bool,
    baseline: Path | None,
    output: Path,
    **where: Any,
) -> None:
    """Measure a model on DATA: accuracy over time, timelines, calibration, by set and genre."""
    from ..evaluation import Plan, make_folder

    make_folder(output)
    model = open_model(path, hops)
    dataset, audio = open_data(data, for_training=False, **where)
    plan = Plan(
        split=split,
        hops=hops,
        mixes=mixes,
        originals=originals,
        speech=speech,
        predictions_only=predictions_only,
        baseline=baseline,
        data=dataset.fingerprint,
        audio=audio.source,
    )
    measure(model, dataset, audio, plan, output)


def measure(model: Model, dataset: DataSet, audio: AudioCache, plan: Plan, output: Path) -> None:
    """Evaluate a model with progress bars, write the results, and print the main metrics."""
    from ..evaluation import cautions, evaluate, scored_tracks, write_evaluation

    # Before minutes of measuring: a warning may be a reason to stop.
    scored = scored_tracks(dataset.tracks, plan.split, model.card.label_names, audio)
    for caution in cautions(model.card, scored, dataset.tracks, plan.split, audio.source):
        click.echo(f"warning: {one_line(caution)}", err=True)
    with progress() as bars:
        evaluation = evaluate(model, dataset.tracks, audio, plan, bars)
    written = write_evaluation(evaluation, output)
    show(evaluation.metrics)
    click.echo(f"in {output}: {', '.join(path.name for path in written)}")


def open_model(path: Path | None, hops: tuple[float, ...] = ()) -> Model:
    """Load the bundled model, an ONNX file, or a checkpoint or run folder (which need torch).

    A checkpoint also gets the hops `hops`, beside those of its training.
    """
    path = None if path is None else checkpoint_in(path)
    if path is not None and path.suffix == ".safetensors":
        from ..model import load_model

        return load_model(path, hops)
    import streamgenre

    return streamgenre.load(path)


def show(metrics: EvaluationMetrics) -> None:
    """Print the main metrics to standard output."""
    from rich.console import Console
    from rich.table import Table

    from ..evaluation.presentation import number

    model = metrics.model
    title = f"{model.name} {model.version} on {metrics.split}, {metrics.tracks} tracks"
    table = Table("", *(f"steps of {hop} s" for hop in metrics.hops), title=title)
    hops = metrics.hops.values()
    for name, words in (
        ("accuracy", "accuracy"),
        ("macro_recall", "macro recall"),
        ("top2", "top 2"),
        ("either_accuracy", "accuracy, either genre"),
    ):
        estimates = [m.track_mean[name] for m in hops]
        if all(estimates):
            table.add_row(f"{words}, per track", *map(str, estimates))
    steps: list[tuple[str, list[str]]] = [
        (
            "accuracy, last step",
            [str(m.track_last_step.accuracy) for m in hops if m.track_last_step],
        ),
        ("accuracy of a step, state carried", [number(m.windows_with_state) for m in hops]),
        ("accuracy of a step, state reset", [number(m.windows_without_state) for m in hops]),
        (
            "calibration error (if perfectly calibrated)",
            [
                f"{m.calibration.expected_calibration_error:.3f} ({m.calibration.by_chance:.3f})"
                for m in hops
                if m.calibration
            ],
        ),
    ]
    if all(m.calibration for m in hops):
        for words, cells in steps:
            table.add_row(words, *cells)
    console = Console(width=None if Console().is_terminal else 100)
    console.print(table)
    if mixes := metrics.mixes:
        console.print(
            f"{mixes.mixes} mixes: time right {mixes.accuracy}, boundary F "
            f"{number(mixes.boundary_f)}, {number(mixes.false_switches_a_minute, 2)} false "
            f"switches a minute, median delay {number(mixes.median_delay, 1)} s, never reached "
            f"{number(mixes.never_reached, 2)}",
            highlight=False,
        )
