"""The model card: the description of a model, stored as JSON in the ONNX metadata."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from numbers import Real
from typing import Any

from ..errors import ConfigError, ModelFileError
from ..parse import parse_json
from .onnxfile import LARGEST_FILE, read_onnx

FORMAT = 1
METADATA_KEY = "streamgenre"
_LARGEST_STATE = 1_000_000


@dataclass(frozen=True)
class Label:
    """A class: its name in the model's output and its display name."""

    name: str
    display: str
    colour: str  # "#rrggbb"
    parent: str | None = None


@dataclass(frozen=True)
class Style:
    """A finer label, such as house, punk or opera.

    Its probability is not calibrated. Use it for ranking only.
    """

    name: str
    display: str
    parent: str | None
    """Name of the label that the style belongs to, or None if it applies to all labels.

    Styles of labels that the model does not have, such as an adapted model, are never shown.
    """


@dataclass(frozen=True)
class Hop:
    """A step size at which the model was trained and evaluated."""

    seconds: float
    samples: int
    window: int  # samples that a step reads; the last `samples` of them are new
    accuracy: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Thresholds:
    """Parameters of the decision (decide.py), fitted for each model."""

    unsure: float  # smoothed probability that a label must reach to become the genre
    music: float  # smoothed probability of music below which the status is "no-music"
    silence: float  # dBFS; below this level the status is always "no-music"
    margin: float  # lead that another label needs to take over
    smoothing: float  # s, time constant of the smoothing
    hold: float = 0.0  # smoothed probability below which a decided genre is dropped


@dataclass(frozen=True)
class ModelCard:
    """The description of a model: everything that is needed to run it, besides its graph."""

    name: str
    version: str
    labels: tuple[Label, ...]
    sample_rate: int
    state_size: int
    hops: tuple[Hop, ...]
    live_hop: float
    file_hop: float
    thresholds: Thresholds
    sha256: str
    about: Mapping[str, Any]
    """Informative entries: level, runtime, licence, credits, data, measured, limits."""
    network: Mapping[str, Any]
    """Configuration from which the PyTorch engine and the trainer rebuild the network."""
    styles: tuple[Style, ...] = ()
    """In the order of the output `styles`; empty if the model has no such output."""
    gates: tuple[str, ...] = ()
    """Name of each entry of the output `gates`, such as "block 4"; empty if the card has none."""
    hop_entry: int | None = None
    """Index of the state entry that holds the hop in seconds, or None if there is none."""

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the labels, in the order of the output."""
        return tuple(label.name for label in self.labels)

    def hop(self, seconds: float) -> Hop:
        """The hop of this length. Raises ConfigError, which lists the available hops."""
        if not isinstance(seconds, Real):
            raise ConfigError(f"the hop must be a number of seconds, not {seconds!r}")
        for hop in self.hops:
            if abs(hop.seconds - seconds) < 1e-9:
                return hop
        known = ", ".join(f"{hop.seconds:g}" for hop in self.hops)
        raise ConfigError(f"the model has no hop of {seconds:g} s; available hops: {known}")


def card_to_json(card: Mapping[str, Any], sha256: str) -> str:
    """The JSON text to store under METADATA_KEY."""
    return json.dumps(
        {"format": FORMAT, **card, "sha256": sha256}, ensure_ascii=False, allow_nan=False
    )


def read_card(data: bytes, name: str) -> ModelCard:
    """Read and validate the card of a model file. Raises ModelFileError."""
    if len(data) > LARGEST_FILE:
        raise ModelFileError(f"{name}: exceeds the limit of {LARGEST_FILE >> 20} MB for a model")
    try:
        file = read_onnx(data)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(
            f"{name}: is not a complete ONNX model ({error}); download it again"
        ) from None
    if METADATA_KEY not in file.metadata:
        raise ModelFileError(f"{name}: has no model card; use a model written by streamgenre")
    try:
        entries = parse_json(file.metadata[METADATA_KEY])
        if entries.pop("format") != FORMAT:
            raise ModelFileError(f"{name}: has another format version; update streamgenre")
        entries["labels"] = tuple(Label(**label) for label in entries["labels"])
        entries["hops"] = tuple(Hop(**hop) for hop in entries["hops"])
        limits = entries["thresholds"]
        # In cards without `hold`, a genre is dropped at the same threshold that it must reach.
        entries["thresholds"] = Thresholds(**{"hold": limits["unsure"], **limits})
        entries["styles"] = tuple(Style(**style) for style in entries.get("styles", ()))
        entries["gates"] = tuple(entries.get("gates", ()))
        card = ModelCard(**entries)
        _check(card)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelFileError(
            f"{name}: the model card is invalid ({error}); download the model again"
        ) from None
    if card.sha256 != file.sha256:
        raise ModelFileError(
            f"{name}: is damaged (its hash differs from the card); download it again"
        )
    return card


def _check(card: ModelCard) -> None:
    """Raise ValueError if an entry of the card is out of range or inconsistent."""
    if not 1_000 <= card.sample_rate <= 192_000 or not 0 < card.state_size <= _LARGEST_STATE:
        raise ValueError("sample rate or state size")
    if card.hop_entry is not None and not 0 <= card.hop_entry < card.state_size:
        raise ValueError("hop entry out of range")
    if not card.labels or len(set(card.label_names)) != len(card.labels):
        raise ValueError("missing or duplicate labels")
    if not all(re.fullmatch("#[0-9a-fA-F]{6}", label.colour) for label in card.labels):
        raise ValueError("colour not of the form #rrggbb")
    if len({style.name for style in card.styles}) != len(card.styles):
        raise ValueError("duplicate styles")
    for hop in card.hops:
        whole = hop.samples == round(hop.seconds * card.sample_rate)
        if not whole or not 0 < hop.samples <= hop.window <= 60 * card.sample_rate:
            raise ValueError(f"hop of {hop.seconds} s")
    if not {card.live_hop, card.file_hop} <= {hop.seconds for hop in card.hops}:
        raise ValueError("live or file hop not among the hops")
    if not all(math.isfinite(value) for value in asdict(card.thresholds).values()):
        raise ValueError("thresholds")
    if not card.thresholds.smoothing > 0:
        raise ValueError("smoothing")
