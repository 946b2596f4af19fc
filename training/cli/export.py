"""`export`: a finished checkpoint as one ONNX step with its card."""

from __future__ import annotations

from pathlib import Path

import click

from .options import CHECKPOINT, FILE, IN_FILE, IN_PATH, check_model_path


@click.command()
@click.argument("checkpoint", type=IN_PATH)
@click.option("--card", type=IN_FILE, help="JSON with entries of the card: name, version, about.")
@click.option(
    "--results",
    type=IN_FILE,
    multiple=True,
    help="Output of `evaluate` (.json) for the card. Its hops are added to those of the training. "
    "Can be repeated.",
)
@click.option("--half", is_flag=True, help="Store 16-bit weights, at half the size.")
@click.option("-o", "--output", type=FILE, required=True)
def command(
    checkpoint: Path, card: Path | None, results: tuple[Path, ...], half: bool, output: Path
) -> None:
    """Export CHECKPOINT (a run's folder, or its model.safetensors) as an ONNX model file.

    The file is written only if ONNX Runtime and PyTorch agree over 500 steps.
    """
    from ..data import DataError
    from ..export.entries import CardChanges, measured_accuracy
    from ..export.onnx import export_checkpoint

    path = checkpoint / CHECKPOINT if checkpoint.is_dir() else checkpoint
    if not path.is_file():
        raise DataError(f"{checkpoint}: no finished run ({CHECKPOINT} is missing)")
    check_model_path(output, [checkpoint, path])
    changes = CardChanges.read(card) if card else CardChanges()
    accuracy = {
        hop: figures for file in results for hop, figures in measured_accuracy(file, path).items()
    }
    worst = export_checkpoint(path, output, changes, accuracy, half)
    click.echo(f"{output}: agrees with PyTorch within {worst:.1e} over 500 carried steps")
