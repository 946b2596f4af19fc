"""`recipe`: the bundled model, from data and published weights."""

from __future__ import annotations

from pathlib import Path

import click

from . import average, evaluate, export, head, teach, train
from .options import check_output

_folder = click.Path(path_type=Path, file_okay=False, exists=True)
START_SHARE = 0.5
_RUNS = 3  # seeds whose weights are averaged
_CARD = Path(__file__).parent.parent / "card.json"
_SPLITS = {"train": '["train"]', "all": '["train", "valid"]'}


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True))
@click.option("--peers", type=_folder, required=True, help="Folder of the taggers (`teach`).")
@click.option(
    "--trunk",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    required=True,
    help="EfficientAT's mn04_as_mAP_432.pt.",
)
@click.option("--speech", type=_folder, required=True, help="Recorded speech for training.")
@click.option("--held-speech", type=_folder, required=True, help="Other speech, for `music`.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--cache", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs"),
    show_default=True,
    help="Folder for embeddings, runs and figures; existing ones are reused.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True)
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
    check_output(output, [data])
    folder.mkdir(parents=True, exist_ok=True)
    soft_targets, figures, plain = (
        folder / name for name in ("lessons.safetensors", "figures", "baseline.csv")
    )
    where = [str(data), *(("--cache", str(cache)) if cache else ())]
    shared = [
        "--speech",
        str(speech),
        "--held-speech",
        str(held_speech),
        "--lessons",
        str(soft_targets),
    ]
    begin = ["--start", str(trunk), "--embedded", str(folder / "embedded")]
    if not soft_targets.is_file():
        taggers = ["--peers", str(peers), "--trunk", str(trunk), "--teacher", teach.NONE]
        outputs = ["--heard", str(folder / "heard")]
        _call(teach.command, [*where, *taggers, *outputs, "-o", str(soft_targets)])
    for name, splits in _SPLITS.items():
        start, mean = folder / f"head-{name}", folder / f"mean-{name}"
        learned = ["--set", f"run.splits={splits}"]
        if not (start / evaluate.CHECKPOINT).is_file():
            seeded = ["--set", f"run.seed={seed}"]
            _call(head.command, [*where, *begin, *learned, *seeded, "--folder", str(start)])
        runs = []
        for number in range(seed, seed + _RUNS):
            run = folder / f"run-{name}-{number}"
            runs += ["--run", str(run)]
            if (run / evaluate.CHECKPOINT).is_file():
                continue
            options = ["--config", "pooled", "--start", str(start / evaluate.CHECKPOINT), *learned]
            options += ["--set", f"run.seed={number}", "--set", "optimiser.teachers=0"]
            options += ["--folder", str(run), "--uncalibrated"]
            _call(train.command, [*where, *shared, *options])
        if not (mean / evaluate.CHECKPOINT).is_file():
            options = [*shared, *runs, "--start-share", str(START_SHARE)]
            if name == "all":
                options += ["--calibrated-as", str(folder / "mean-train")]
            _call(average.command, [*where, *options, "--folder", str(mean)])
    bundled = folder / "mean-all"
    if not plain.is_file():
        learned = ["--set", f"run.splits={_SPLITS['all']}", "--split", "test"]
        _call(head.command, [*where, *begin, *learned, "--baseline", str(plain)])
    if not (figures / "test.json").is_file():
        measured = ["--model", str(bundled), "--speech", str(held_speech)]
        measured += ["--baseline", str(plain), "-o", str(figures)]
        _call(evaluate.command, [*where, *measured])
    card = ["--card", str(_CARD), "--results", str(figures / "test.json")]
    _call(export.command, [str(bundled), *card, "-o", str(output)])
    half = output.with_stem(f"{output.stem}-half")
    _call(export.command, [str(bundled), *card, "--half", "-o", str(half)])


def _call(command: click.Command, arguments: list[str]) -> None:
    command.main(arguments, standalone_mode=False)
