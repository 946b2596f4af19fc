"""A network or a finished checkpoint as a `Model` of `streamgenre`.

Evaluation, adaptation and export use such models, so that they measure what users run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from streamgenre.model.card import Hop, Label, ModelCard, Style, Thresholds
from streamgenre.model.model import Model
from streamgenre.model.model import load as load_onnx
from streamgenre.networks.calibrated import Calibrated
from streamgenre.networks.step import StepNetwork

from .card import Calibration, calibration_of, card_entries, styles_of
from .checkpoint import load_network
from .config import Config


def network_model(
    network: StepNetwork,
    description: Mapping[str, object],
    labels: Sequence[str],
    hops: Sequence[float],
    device: str,
) -> Model:
    """Return an uncalibrated network as a Model on a device."""
    from streamgenre.model.torch import NetworkEngine

    card = _card(card_entries(network, description, labels, hops, Calibration()), sha256="")
    return Model(NetworkEngine(Calibrated(network), card, device))


def _card(entries: dict[str, Any], sha256: str) -> ModelCard:
    read = {
        "labels": tuple(Label(**label) for label in entries["labels"]),
        "hops": tuple(Hop(**hop) for hop in entries["hops"]),
        "thresholds": Thresholds(**entries["thresholds"]),
        "styles": tuple(Style(**style) for style in entries["styles"]),
        "gates": tuple(entries["gates"]),
    }
    return ModelCard(**(entries | read), sha256=sha256)


def load_model(path: Path | None, hops: Sequence[float] = ()) -> Model:
    """Load the bundled model, a model file, or a finished checkpoint (.safetensors).

    A checkpoint gets the hops of its training, and additionally `hops` (s).
    """
    if path is None or path.suffix != ".safetensors":
        return load_onnx(path)
    from streamgenre.model.onnx import OnnxEngine
    from streamgenre.model.torch import NetworkEngine

    from .export.onnx import NO_TAGGERS, ExportError, to_onnx

    network, about = load_network(path)
    config = Config.model_validate_json(about["config"])
    if config.task == "tags":
        raise ExportError(f"{path}: {NO_TAGGERS}")
    calibration = calibration_of(about)
    entries = card_entries(
        network,
        json.loads(about["network"]),
        json.loads(about["labels"]),
        sorted({*config.sequences.hops, *hops}, reverse=True),
        calibration,
        styles_of(about),
        name=path.resolve().parent.name,
        about={"data": {"sha256": about["data"]}, "commit": about["commit"]},
    )
    card = _card(entries, hashlib.sha256(path.read_bytes()).hexdigest())
    step = Calibrated(network, calibration.temperature)
    windows = {hop.window for hop in card.hops}
    if len(windows) != 1:
        return Model(NetworkEngine(step, card))
    # As exported: single steps are several times faster than in PyTorch.
    return Model(OnnxEngine(to_onnx(step, windows.pop()).SerializeToString(), card))
