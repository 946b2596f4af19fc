"""`recipe`: the bundled model, from data and published weights."""

from __future__ import annotations

from pathlib import Path

import click

from . import average, evaluate, export, teach, train
from .options import check_output

_folder = click.Path(path_type=Path, file_okay=False, exists=True)
SEEDS = 2
START_SHARE = 0.5
_CARD = Path(__file__).parent.parent / "card.json"


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True))
@click.option("--peers", type=_folder, required=True, help="Folder of the teachers (`teach`).")
@click.option(
    "--trunk",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    required=True,
    help="EfficientAT's mn04_as_mAP_432.pt.",
)
@click.option(
    "--start",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    required=True,
    help="The model bundled first (version 1).",
)
@click.option("--speech", type=_folder, required=True, help="Recorded speech to learn from.")
@click.option("--held-speech", type=_folder, required=True, help="Other speech, for `music`.")
@click.option("--cache", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs"),
    show_default=True,
    help="Folder for lessons, runs and figures; what is there already is not made again.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True)
def command(
    data: Path,
    peers: Path,
    trunk: Path,
    start: Path,
    speech: Path,
    held_speech: Path,
    cache: Path | None,
    folder: Path,
    output: Path,
) -> None:
    """Teachers listen, version 1 learns from them with two seeds, whose mean, half of it version 1,
    is measured on `test` and exported, with 32 bits a weight and with 16.

    About an hour and a half on two cores. Called again, it goes on where it was broken off.
    """
    check_output(output, [data])
    folder.mkdir(parents=True, exist_ok=True)
    lessons = folder / "lessons.safetensors"
    bundled, figures = folder / "bundled", folder / "figures"
    where = [str(data), *(("--cache", str(cache)) if cache else ())]
    heard = ["--peers", str(peers), "--trunk", str(trunk), "--heard", str(folder / "heard")]
    said = ["--speech", str(speech), "--held-speech", str(held_speech), "--lessons", str(lessons)]
    if not lessons.is_file():
        _call(teach.command, [*where, *heard, "-o", str(lessons)])
    runs = [folder / f"teachers-{seed}" for seed in range(1, SEEDS + 1)]
    for seed, run in enumerate(runs, 1):
        if not (run / evaluate.CHECKPOINT).is_file():
            options = ["--config", "teachers", "--start", str(start), "--set", f"run.seed={seed}"]
            folders = ["--folder", str(run), "--uncalibrated"]
            _call(train.command, [*where, *said, *options, *folders])
    if not (bundled / evaluate.CHECKPOINT).is_file():
        options = [*said, "--folder", str(bundled), "--start-share", str(START_SHARE)]
        for run in runs:
            options += ["--run", str(run)]
        _call(average.command, [*where, *options])
    if not (figures / "test.json").is_file():
        measured = ["--model", str(bundled), "--speech", str(held_speech)]
        _call(evaluate.command, [*where, *measured, "-o", str(figures)])
    card = ["--card", str(_CARD), "--results", str(figures / "test.json")]
    _call(export.command, [str(bundled), *card, "-o", str(output)])
    half = output.with_stem(f"{output.stem}-half")
    _call(export.command, [str(bundled), *card, "--half", "-o", str(half)])


def _call(command: click.Command, arguments: list[str]) -> None:
    command.main(arguments, standalone_mode=False)
