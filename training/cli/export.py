"""`export`: a finished checkpoint as one ONNX step with its card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

_file = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path, exists=True))
@click.option("--card", type=_file, help="JSON with entries of the card: name, version, about.")
@click.option("--results", type=_file, help="What `evaluate` wrote (.json), for the card.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True)
def command(checkpoint: Path, card: Path | None, results: Path | None, output: Path) -> None:
    """Export CHECKPOINT (a run's folder, or its model.safetensors) as an ONNX model file.

    Checked on the spot: nothing is written unless ONNX Runtime and PyTorch agree over 500 steps.
    """
    from ..data import DataError
    from ..export import export_checkpoint

    path = checkpoint / "model.safetensors" if checkpoint.is_dir() else checkpoint
    if not path.is_file():
        raise DataError(f"{checkpoint}: no finished run (model.safetensors is missing)")
    if not output.parent.is_dir():
        raise DataError(f"{output}: there is no folder {output.parent}")
    changes = _entries(card) if card else {}
    accuracy: dict[float, Any] = {}
    if results is not None:
        from ..evaluation import for_card

        try:
            hops = _entries(results)["hops"]
            accuracy = {float(hop): for_card(found) for hop, found in hops.items()}
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{results}: is not what evaluate wrote ({error})") from None
    worst = export_checkpoint(path, output, changes, accuracy)
    click.echo(f"{output}: agrees with PyTorch within {worst:.1e} over 500 carried steps")


def _entries(path: Path) -> dict[str, Any]:
    """The object of a JSON file."""
    from ..data import DataError

    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise DataError(f"{path}: must hold a JSON object")
    return found
