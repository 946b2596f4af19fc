"""Entries of a model card: labels with colours, hops, and the calibration."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from streamgenre.model.card import Thresholds

from .data import SAMPLE_RATE

if TYPE_CHECKING:
    from streamgenre.networks.step import StepNetwork  # needs torch, which adaptation does not

UNFITTED = Thresholds(unsure=0.0, music=0.0, silence=-70.0, margin=0.05, smoothing=2.0)
_SHOWN = {
    "ambient": ("Ambient", "#7fb3c8", None),
    "blues": ("Blues", "#3f6fd1", None),
    "classical": ("Classical", "#c9a227", None),
    "country": ("Country", "#b5793a", None),
    "disco": ("Disco", "#ff6fb5", None),
    "electronic": ("Electronic", "#20c5e0", None),
    "folk": ("Folk", "#8fae3c", None),
    "hiphop": ("Hip hop", "#ff9f1c", None),
    "jazz": ("Jazz", "#8458d6", None),
    "metal": ("Metal", "#8c8c94", None),
    "pop": ("Pop", "#c2185b", None),
    "reggae": ("Reggae", "#2bb673", None),
    "rock": ("Rock", "#e0453a", None),
    "soul": ("Soul", "#d98cf0", None),
}
_OTHERS = ("#4e79a7", "#f28e2b", "#e15759", "#76b7b2", "#59a14f", "#edc948", "#b07aa1", "#9c755f")


def label_entry(name: str, position: int) -> dict[str, str | None]:
    """Return the entry of a label. Unknown labels get a colour by their position."""
    display, colour, parent = _SHOWN.get(
        name, (name.replace("_", " ").capitalize(), _OTHERS[position % len(_OTHERS)], None)
    )
    return {"name": name, "display": display, "colour": colour, "parent": parent}


@dataclass(frozen=True)
class Calibration:
    """Temperature and thresholds of a network (fit.py). By default, nothing is unsure."""

    temperature: float = 1.0
    thresholds: Thresholds = UNFITTED
    figures: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Calibration:
        """Parse the output of `to_json`."""
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
    """Return the entries of a ModelCard; `changes` may set name, version, about and hops.

    `styles`: name, display and parent of each style, in the order of the network's output.
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
    """Names of the output `gates` for the card: "block 4", counted from 1."""
    return [f"block {i}" for i in network.gated_blocks]


def calibration_of(about: Mapping[str, str]) -> Calibration:
    """Return the calibration in the metadata of a checkpoint."""
    text = about.get("calibration")
    return Calibration.from_json(text) if text else Calibration()


def styles_of(about: Mapping[str, str]) -> list[dict[str, str | None]]:
    """Return the styles in the metadata of a checkpoint: name, display and parent of each."""
    styles: list[dict[str, str | None]] = json.loads(about.get("styles", "[]"))
    return styles
