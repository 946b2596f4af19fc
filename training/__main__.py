"""`python -m training train | evaluate | export | recompute`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np

from streamgenre.errors import StreamgenreError

_folder = click.Path(path_type=Path, file_okay=False)
_file = click.Path(path_type=Path, dir_okay=False, exists=True)
_data = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    envvar="STREAMGENRE_DATA",
    required=True,
    help="Folder with manifest.csv.  [env: STREAMGENRE_DATA]",
)
_cache = click.option(
    "--cache", type=_folder, default=Path("cache"), show_default=True, help="Decoded audio."
)
_checkpoint = click.option("--checkpoint", type=_file, required=True, help="model.safetensors")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Train, measure and export streaming networks."""


@main.command()
@_data
@_cache
@click.option(
    "--start", type=_file, help="Weights of the pretrained trunk (EfficientAT mn04, .pt)."
)
@click.option(
    "--speech",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of recorded speech, raw s16le at 16 kHz (*.s16): what is no music.",
)
@click.option("--set", "changes", multiple=True, metavar="NAME=VALUE", help="A setting, as JSON.")
@click.argument("folder", type=_folder)
def train(
    data: Path,
    cache: Path,
    start: Path | None,
    speech: Path | None,
    changes: tuple[str, ...],
    folder: Path,
) -> None:
    """Train into FOLDER; a run that was broken off goes on from its last checkpoint."""
    from .train import train as run

    settings = {name: json.loads(value) for name, _, value in (c.partition("=") for c in changes)}
    click.echo(run(data / "manifest.csv", cache, folder, start, speech, **settings))


def _loaded(data: Path, cache: Path, checkpoint: Path, split: str) -> tuple[Any, ...]:
    from .data import AudioCache, read_manifest
    from .export import load_checkpoint

    network, about = load_checkpoint(checkpoint)
    audio = AudioCache.build(data / "manifest.csv", cache)
    labels: list[str] = json.loads(about["labels"])
    tracks = [
        t
        for t in read_manifest(data / "manifest.csv")
        if t.split == split and t.genre in labels and t.key in audio
    ]
    return network, about, audio, labels, tracks


@main.command()
@_data
@_cache
@_checkpoint
@click.option("--split", type=click.Choice(["valid", "test"]), default="valid", show_default=True)
@click.option("--fit", "fitted", type=_file, help="What `fit` wrote, for its temperature.")
@click.option("-o", "--output", type=_folder, required=True, help="For figures and predictions.")
def evaluate(
    data: Path, cache: Path, checkpoint: Path, split: str, fitted: Path | None, output: Path
) -> None:
    """Accuracy on a split, at every hop. Open `test` once for each release, and say so."""
    from .evaluate import evaluate as measure
    from .evaluate import write_predictions

    network, about, audio, labels, tracks = _loaded(data, cache, checkpoint, split)
    heat = json.loads(fitted.read_text())["temperature"] if fitted else 1.0
    output.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {"split": split, "temperature": heat, "data": about["data"], "hops": {}}
    for hop in json.loads(about["settings"])["hops"]:
        result, mean = measure(network, audio, tracks, labels, hop, heat)
        found["hops"][f"{hop / 16_000:g}"] = result
        write_predictions(output / f"{split}-{hop / 16_000:g}.csv", tracks, labels, mean)
        click.echo(json.dumps({k: result[k] for k in ("hop", "track_mean", "after")}, indent=1))
    (output / f"{split}.json").write_text(json.dumps(found, indent=1) + "\n")


@main.command()
@_data
@_cache
@_checkpoint
@click.option(
    "--speech",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Recorded speech (*.s16) that was not trained on.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
def fit(data: Path, cache: Path, checkpoint: Path, speech: Path | None, output: Path) -> None:
    """Temperature, thresholds and smoothing, on `valid`."""
    from .fit import fit as find
    from .sequences import noise
    from .train import speech_pieces

    network, _, audio, labels, tracks = _loaded(data, cache, checkpoint, "valid")
    rng = np.random.default_rng(0)
    other = {f"noise {i}": noise(rng, 10 * 16_000) for i in range(60)}
    other |= {f"speech {i}": p.samples for i, p in enumerate(speech_pieces(speech)[:60])}
    true = [labels.index(t.genre) for t in tracks]
    found = find(network, audio, [t.key for t in tracks], true, other)
    output.write_text(json.dumps(found, indent=1) + "\n")
    click.echo(json.dumps({k: v for k, v in found.items() if k != "smoothing_grid"}, indent=1))


@main.command()
@_checkpoint
@click.option("--fit", "fitted", type=_file, required=True, help="What `fit` wrote.")
@click.option("--card", type=_file, required=True, help="JSON: name, version, hops, about.")
@click.option("--results", type=_file, help="What `evaluate` wrote, for the card.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
def export(checkpoint: Path, fitted: Path, card: Path, results: Path | None, output: Path) -> None:
    """The ONNX step with its card, checked against PyTorch over 500 carried steps."""
    from .export import export as write
    from .export import load_checkpoint

    network, about = load_checkpoint(checkpoint)
    found = json.loads(fitted.read_text())
    entries = json.loads(card.read_text()) | {"thresholds": found["thresholds"]}
    if results is not None:
        from .evaluate import for_card

        measured = json.loads(results.read_text())
        for hop in entries["hops"]:
            hop["accuracy"] = for_card(measured["hops"][f"{hop['seconds']:g}"])
    description, labels = json.loads(about["network"]), json.loads(about["labels"])
    worst = write(network, description, labels, entries, output, found["temperature"])
    click.echo(f"{output}: agrees with PyTorch within {worst:.1e} over 500 carried steps")


@main.command()
@click.argument("predictions", type=_file, nargs=-1, required=True)
def recompute(predictions: tuple[Path, ...]) -> None:
    """The per-track figures from files of predictions."""
    from .evaluate import recompute as figures

    for path in predictions:
        click.echo(f"{path.name}: {json.dumps(figures(path))}")


try:
    main(prog_name="python -m training")
except StreamgenreError as error:
    sys.exit(f"training: {error}")
