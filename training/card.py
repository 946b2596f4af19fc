"""Model cards: labels with colours, hops, and the calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from streamgenre.model.card import (
    METADATA_KEY,
    Hop,
    Label,
    ModelCard,
    Style,
    Thresholds,
    card_to_json,
)
from streamgenre.model.onnxfile import read_onnx

from .data import SAMPLE_RATE

if TYPE_CHECKING:
    from onnx import ModelProto

    from streamgenre.networks.step import StepNetwork  # needs torch, which adaptation does not

UNFITTED = Thresholds(unsure=0.0, music=0.0, silence=-70.0, margin=0.05, smoothing=2.0)
_SHOWN = {
    "ambient": ("Ambient", "#7fb3c8"),
    "blues": ("Blues", "#3f6fd1"),
    "classical": ("Classical", "#c9a227"),
    "country": ("Country", "#b5793a"),
    "disco": ("Disco", "#ff6fb5"),
    "electronic": ("Electronic", "#20c5e0"),
    "folk": ("Folk", "#8fae3c"),
    "hiphop": ("Hip hop", "#ff9f1c"),
    "jazz": ("Jazz", "#8458d6"),
    "metal": ("Metal", "#8c8c94"),
    "pop": ("Pop", "#c2185b"),
    "reggae": ("Reggae", "#2bb673"),
    "rock": ("Rock", "#e0453a"),
    "soul": ("Soul", "#d98cf0"),
}
_OTHERS = ("#4e79a7", "#f28e2b", "#e15759", "#76b7b2", "#59a14f", "#edc948", "#b07aa1", "#9c755f")


def label_entry(name: str, position: int) -> Label:
    """Return a label. Unknown names get a colour by their position."""
    display, colour = _SHOWN.get(
        name, (name.replace("_", " ").capitalize(), _OTHERS[position % len(_OTHERS)])
    )
    return Label(name, display, colour)


@dataclass(frozen=True)
class Calibration:
    """Temperature and thresholds of a network (fit.py). By default, nothing is unsure."""

    temperature: float = 1.0
    thresholds: Thresholds = UNFITTED
    figures: Mapping[str, Any] = field(default_factory=dict)


def make_card(
    network: StepNetwork,
    description: Mapping[str, object],
    labels: Sequence[str],
    hops: Sequence[float],
    calibration: Calibration,
    styles: Sequence[Style] = (),
) -> ModelCard:
    """Return the card of a network, version 1 and named after its kind, without a hash.

    `styles` are in the order of the network's output.
    """

    def hop(seconds: float) -> Hop:
        samples = round(seconds * SAMPLE_RATE)
        return Hop(seconds, samples, network.window_for(samples))

    return ModelCard(
        name=str(description["kind"]),
        version="1",
        labels=tuple(label_entry(name, i) for i, name in enumerate(labels)),
        sample_rate=SAMPLE_RATE,
        state_size=network.state_size,
        hops=tuple(map(hop, hops)),
        live_hop=min(hops),
        file_hop=max(hops),
        thresholds=calibration.thresholds,
        sha256="",
        about={},
        network=dict(description),
        styles=tuple(styles),
        gates=tuple(gate_names(network)),
        hop_entry=network.hop_entry,
    )


def gate_names(network: StepNetwork) -> list[str]:
    """Names of the output `gates` for the card: "block 4", counted from 1."""
    return [f"block {i}" for i in network.gated_blocks]


def store_card(model: ModelProto, card: ModelCard) -> bytes:
    """Serialise a model with a card, whose hash is set to that of the model."""
    from onnx import helper

    entries = asdict(card)
    del entries["sha256"]
    digest = read_onnx(model.SerializeToString()).sha256
    helper.set_model_props(model, {METADATA_KEY: card_to_json(entries, digest)})
    data: bytes = model.SerializeToString()
    return data
