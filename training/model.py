"""A network or a finished checkpoint as a `Model` of `streamgenre`.

Evaluation, adaptation and export use such models, so that they measure what users run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from streamgenre.model.model import Model
from streamgenre.model.model import load as load_onnx
from streamgenre.networks.calibrated import Calibrated
from streamgenre.networks.step import StepNetwork

from .card import Calibration, make_card
from .checkpoint import load_network


def network_model(
    network: StepNetwork,
    description: Mapping[str, object],
    labels: Sequence[str],
    hops: Sequence[float],
    device: str,
) -> Model:
    """Return an uncalibrated network as a Model on a device."""
    from streamgenre.model.torch import NetworkEngine

    card = make_card(network, description, labels, hops, Calibration())
    return Model(NetworkEngine(Calibrated(network), card, device))


def load_model(path: Path | None, hops: Sequence[float] = ()) -> Model:
    """Load the bundled model, a model file, or a finished checkpoint (.safetensors).

    A checkpoint gets the hops of its training, and additionally `hops` (s).
    """
    if path is None or path.suffix != ".safetensors":
        return load_onnx(path)
    from streamgenre.model.onnx import OnnxEngine
    from streamgenre.model.torch import NetworkEngine

    from .export.entries import ExportError
    from .export.onnx import NO_TAGGERS, to_onnx

    network, about = load_network(path)
    if about.config.task == "tags":
        raise ExportError(f"{path}: {NO_TAGGERS}")
    calibration = about.calibration or Calibration()
    seconds = sorted({*about.config.sequences.hops, *hops}, reverse=True)
    card = replace(
        make_card(network, about.network, about.labels, seconds, calibration, about.styles),
        name=path.resolve().parent.name,
        about={"data": {"sha256": about.data}, "commit": about.commit},
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )
    step = Calibrated(network, calibration.temperature)
    windows = {hop.window for hop in card.hops}
    if len(windows) != 1:
        return Model(NetworkEngine(step, card))
    # As exported: single steps are several times faster than in PyTorch.
    return Model(OnnxEngine(to_onnx(step, windows.pop()).SerializeToString(), card))
