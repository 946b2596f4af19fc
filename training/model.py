"""A network in memory, or a finished checkpoint, as the `Model` that the product runs.

Measuring, adapting and exporting work on such a model, so that what is measured is what is used.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from streamgenre.model.card import Hop, Label, ModelCard, Style, Thresholds
from streamgenre.model.model import Model
from streamgenre.model.model import load as load_onnx
from streamgenre.networks.calibrated import Calibrated
from streamgenre.networks.step import StepNetwork

from .config import Config
from .data import SAMPLE_RATE
from .genres import label_entry

UNFITTED = Thresholds(unsure=0.0, music=0.0, silence=-70.0, margin=0.05, smoothing=2.0)


@dataclass(frozen=True)
class Calibration:
    """What stands around a trained network (fit.py); as it is, nothing is unsure."""

    temperature: float = 1.0
    thresholds: Thresholds = UNFITTED
    figures: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Calibration:
        """What `to_json` wrote."""
        entries = json.loads(text)
        return cls(
            entries["temperature"], Thresholds(**entries["thresholds"]), entries.get("figures", {})
        )


def card_entries(
    network: StepNetwork,
    description: Mapping[str, object],
    labels: Sequence[str],
    hops: Sequence[float],
    calibration: Calibration,
    styles: Sequence[Mapping[str, str | None]] = (),
    **changes: Any,
) -> dict[str, Any]:
    """The entries of a ModelCard; `changes` may hold name, version, about, live_hop, file_hop.

    `styles`: name, display and parent of each that the network gives, in the order of its output.
    """
    entries: dict[str, Any] = {
        "name": str(description["kind"]),
        "version": "1",
        "labels": [label_entry(name, i) for i, name in enumerate(labels)],
        "sample_rate": SAMPLE_RATE,
        "state_size": network.state_size,
        "hops": [
            {
                "seconds": seconds,
                "samples": round(seconds * SAMPLE_RATE),
                "window": network.window_for(round(seconds * SAMPLE_RATE)),
                "accuracy": {},
            }
            for seconds in hops
        ],
        "live_hop": min(hops),
        "file_hop": max(hops),
        "thresholds": asdict(calibration.thresholds),
        "about": {},
        "network": dict(description),
        "styles": [dict(style) for style in styles],
        "gates": gate_names(network),
        "hop_entry": network.hop_entry,
    }
    return entries | changes


def gate_names(network: StepNetwork) -> list[str]:
    """The card's names of the output `gates`: "block 4", counted from 1."""
    return [f"block {i}" for i in network.gated_blocks]


def network_model(
    network: StepNetwork,
    description: Mapping[str, object],
    labels: Sequence[str],
    hops: Sequence[float],
    device: str,
) -> Model:
    """A network as it is, not calibrated, as a Model on a device."""
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


def calibration_of(about: Mapping[str, str]) -> Calibration:
    """What a checkpoint carries of it."""
    text = about.get("calibration")
    return Calibration.from_json(text) if text else Calibration()


def styles_of(about: Mapping[str, str]) -> list[dict[str, str | None]]:
    """The styles that a checkpoint's network gives: name, display and parent of each."""
    styles: list[dict[str, str | None]] = json.loads(about.get("styles", "[]"))
    return styles


def load_model(path: Path | None, hops: Sequence[float] = ()) -> Model:
    """The bundled model, a model file, or a finished checkpoint (.safetensors).

    A checkpoint has the hops that it was trained for, and `hops` (s) beside them.
    """
    if path is None or path.suffix != ".safetensors":
        return load_onnx(path)
    from streamgenre.model.onnx import OnnxEngine
    from streamgenre.model.torch import NetworkEngine

    from .checkpoint import load_network
    from .export import NO_TAGGERS, ExportError, to_onnx

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
    # As it will be exported: single steps are several times quicker than in PyTorch.
    return Model(OnnxEngine(to_onnx(step, windows.pop()).SerializeToString(), card))
