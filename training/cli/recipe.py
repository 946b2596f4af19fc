"""`recipe`: the bundled model, from data and published weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .evaluate import measure, open_model
from .options import (
    CHECKPOINT,
    FILE,
    FOLDER,
    IN_FILE,
    IN_FOLDER,
    IN_PATH,
    check_model_path,
    open_data,
)
from .progress import progress

if TYPE_CHECKING:
    from ..config import Config

START_SHARE = 0.5
_RUNS = 3  # seeds whose weights are averaged
_CARD = Path(__file__).parent.parent / "card.json"
_SPLITS = {"train": '["train"]', "all": '["train", "valid"]'}  # name of a stage -> run.splits


@click.command()
@click.argument("data", type=IN_PATH)
@click.option("--peers", type=IN_FOLDER, required=True, help="Folder of the taggers (`teach`).")
@click.option("--trunk", type=IN_FILE, required=True, help="EfficientAT's mn04_as_mAP_432.pt.")
@click.option("--speech", type=IN_FOLDER, required=True, help="Recorded speech for training.")
@click.option("--held-speech", type=IN_FOLDER, required=True, help="Other speech, for `music`.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--cache", type=FOLDER)
@click.option(
    "--folder",
    type=FOLDER,
    default=Path("runs"),
    show_default=True,
    help="Folder for embeddings, runs and figures; existing ones are reused.",
)
@click.option("-o", "--output", type=FILE, required=True)
def command(
    data: Path,
    peers: Path,
    trunk: Path,
    speech: Path,
    held_speech: Path,
    seed: int,
    cache: Path | None,
    folder: Path,
    output: Path,
) -> None:
    """Make the bundled model from DATA, in about an hour and a half on two cores.

    A perceptron on frozen features initialises the classifier. The network is fine-tuned with three
    seeds. The average of the initial weights and the three runs is measured on `test` beside the
    baseline, and exported with 32-bit and 16-bit weights. All of this is done twice: on `train`, to
    fit temperature and thresholds on `valid`, and on both. Called again, it resumes.
    """
    check_model_path(output, [data])
    folder.mkdir(parents=True, exist_ok=True)

    from ..distillation.make import teach
    from ..distillation.outputs import open_peers
    from ..distillation.soft_targets import read_soft_targets, write_soft_targets
    from ..evaluation import Plan, make_folder, write_predictions
    from ..export.entries import CardChanges, measured_accuracy
    from ..export.onnx import export_checkpoint
    from ..heads.finish import mean_of_runs
    from ..heads.start import baseline, fit_head, labelled_tracks
    from ..streams.non_music import recordings
    from ..trainer.train import Trainer

    dataset, audio = open_data(data, "auto", "", None, cache)
    targets, embedded = folder / "lessons.safetensors", folder / "embedded"
    if not targets.is_file():
        with progress() as bars:
            made = teach(dataset, audio, open_peers(peers), trunk, (), folder / "heard", bars)
        write_soft_targets(targets, made)
        click.echo(f"{targets}: soft targets for {len(made.by_key)} tracks, {len(made.tags)} tags")
    soft_targets = read_soft_targets(targets, dataset.labels)
    other = recordings(speech)
    for name, splits in _SPLITS.items():
        start, mean = folder / f"head-{name}" / CHECKPOINT, folder / f"mean-{name}" / CHECKPOINT
        if not start.is_file():
            with progress() as bars:
                config = _config(trunk, splits, seed)
                fit_head(config, dataset, audio, start.parent, embedded, bars)
            click.echo(f"{start}: the network with its head")
        runs = []
        for number in range(seed, seed + _RUNS):
            run = folder / f"run-{name}-{number}"
            runs.append(run / CHECKPOINT)
            if not runs[-1].is_file():
                config = _config(start, splits, number, "optimiser.teachers=0")
                Trainer(
                    run, config, dataset.tracks, dataset.labels, audio, other, soft_targets
                ).run()
                click.echo(f"trained: {runs[-1]}")
        if not mean.is_file():
            mean_of_runs(
                mean,
                runs,
                dataset,
                audio,
                start_share=START_SHARE,
                soft_targets=soft_targets,
                speech=speech,
                held_speech=held_speech,
                calibrated_as=folder / "mean-train" / CHECKPOINT if name == "all" else None,
                report=click.echo,
            )
            click.echo(f"{mean}: the mean of {_RUNS} runs")
    bundled, plain, figures = mean, folder / "baseline.csv", folder / "figures"
    if not plain.is_file():
        measured = labelled_tracks(dataset, audio, ("test",))
        with progress() as bars:
            config = _config(trunk, _SPLITS["all"])
            rows = baseline(config, dataset, audio, measured, embedded, bars)
        write_predictions(plain, measured, dataset.labels, rows)
        click.echo(f"{plain}: {len(measured)} tracks")
    results = figures / "test.json"
    if not results.is_file():
        make_folder(figures)
        plan = Plan(
            speech=held_speech, baseline=plain, data=dataset.fingerprint, audio=audio.source
        )
        measure(open_model(bundled), dataset, audio, plan, figures)
    changes, accuracy = CardChanges.read(_CARD), measured_accuracy(results, bundled)
    for half in (False, True):
        path = output.with_stem(f"{output.stem}-half") if half else output
        worst = export_checkpoint(bundled, path, changes, accuracy, half)
        click.echo(f"{path}: agrees with PyTorch within {worst:.1e} over 500 carried steps")


def _config(start: Path, splits: str, seed: int | None = None, *changes: str) -> Config:
    """The config `pooled` with initial weights, splits, and a seed if there is one."""
    from ..config import read_config

    seeds = () if seed is None else (f"run.seed={seed}",)
    config = read_config("pooled", [f"run.splits={splits}", *seeds, *changes])
    return config.model_copy(update={"start": str(start)})
