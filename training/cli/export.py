"""`export`: a finished checkpoint as one ONNX step with its card."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import click

from .options import check_output

_file = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path, exists=True))
@click.option("--card", type=_file, help="JSON with entries of the card: name, version, about.")
@click.option(
    "--results",
    type=_file,
    multiple=True,
    help="Output of `evaluate` (.json) for the card. Its hops are added to those of the training. "
    "Can be repeated.",
)
@click.option("--half", is_flag=True, help="Store 16-bit weights, at half the size.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True)
def command(
    checkpoint: Path, card: Path | None, results: tuple[Path, ...], half: bool, output: Path
) -> None:
    """Export CHECKPOINT (a run's folder, or its model.safetensors) as an ONNX model file.

    The file is written only if ONNX Runtime and PyTorch agree over 500 steps.
    """
    from ..data import DataError
    from ..export.onnx import CardChanges, export_checkpoint

    path = checkpoint / "model.safetensors" if checkpoint.is_dir() else checkpoint
    if not path.is_file():
        raise DataError(f"{checkpoint}: no finished run (model.safetensors is missing)")
    check_output(output, [checkpoint, path])
    changes = CardChanges.of(_entries(card) if card else {})
    accuracy = {hop: figures for file in results for hop, figures in _measured(file, path).items()}
    worst = export_checkpoint(path, output, changes, accuracy, half)
    click.echo(f"{output}: agrees with PyTorch within {worst:.1e} over 500 carried steps")


def _measured(results: Path, checkpoint: Path) -> dict[float, dict[str, float]]:
    """The metrics of a checkpoint for its card, by hop, from the output of `evaluate`."""
    from pydantic import ValidationError

    from ..checkpoint import read
    from ..data import DataError
    from ..evaluation.suite import Measured

    entries = _entries(results)
    try:
        measured = Measured.model_validate(entries)
        accuracy = {float(hop): metrics.for_card() for hop, metrics in measured.hops.items()}
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        reason = error.errors()[0]["msg"]
        raise DataError(f"{results}: is not what evaluate wrote ({place}: {reason})") from None
    of, split = measured.model.sha256, measured.split
    # Metrics stay valid if a speech layer was added after the measurement.
    same = {
        hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
        read(checkpoint)[1].before_speech,
    }
    if of not in same:
        raise DataError(f"{results}: measured another model; run evaluate --model {checkpoint}")
    if split != "test":
        raise DataError(f"{results}: is for split {split!r}; a card needs test")
    return accuracy


def _entries(path: Path) -> dict[str, Any]:
    """Read a JSON object."""
    from ..data import DataError

    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: is not JSON: {error}") from None
    if not isinstance(entries, dict):
        raise DataError(f"{path}: must contain a JSON object")
    return entries
