"""The model card: what a model file says of itself, in JSON under one key of its metadata."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from numbers import Real
from typing import Any

from ..errors import ConfigError, ModelFileError
from .onnxfile import LARGEST_FILE, read_onnx

FORMAT = 1
METADATA_KEY = "streamgenre"
_LARGEST_STATE = 1_000_000


@dataclass(frozen=True)
class Label:
    """A class as the model outputs it and as people read it."""

    name: str
    display: str
    colour: str  # "#rrggbb"
    parent: str | None = None


@dataclass(frozen=True)
class Style:
    """A finer hint (house, punk, opera) as the model outputs it and as people read it.

    Hints are not calibrated: their probabilities order them and say little more.
    """

    name: str
    display: str
    parent: str | None
    """Name of the label that it belongs under; None: it can go with any. The styles of labels that
    the model lacks, as an adapted one may, are never shown."""


@dataclass(frozen=True)
class Hop:
    """A step size that the model was trained for and measured at."""

    seconds: float
    samples: int
    window: int  # samples that a step reads, the last `samples` of which are new
    accuracy: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Thresholds:
    """Constants of the decision (decide.py), fitted with the model."""

    unsure: float  # smoothed probability that a label must reach to become the genre
    music: float  # smoothed probability of music below which there is none
    silence: float  # dBFS below which there is no music whatever the model says
    margin: float  # lead that another label needs to take over
    smoothing: float  # s, time constant of the smoothing
    hold: float = 0.0  # smoothed probability below which a decided genre is dropped


@dataclass(frozen=True)
class ModelCard:
    """Everything that runs or judges a model, beside its graph."""

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
    """For people: level, runtime, licence, credits, data, measured, limits."""
    network: Mapping[str, Any]
    """For the torch engine and for training: how to build the network again."""
    styles: tuple[Style, ...] = ()
    """In the order of the output `styles`; empty where the model has no such output."""
    gates: tuple[str, ...] = ()
    """What each of the output `gates` belongs to ("block 4"); empty where the file names none."""
    hop_entry: int | None = None
    """Index of the state's entry that takes the hop in seconds; None: the state has none."""

    @property
    def label_names(self) -> tuple[str, ...]:
        """The labels in the order of the outputs."""
        return tuple(label.name for label in self.labels)

    def hop(self, seconds: float) -> Hop:
        """The hop of that length; raises ConfigError naming those that there are."""
        if not isinstance(seconds, Real):
            raise ConfigError(f"a hop is a number of seconds, not {seconds!r}")
        for hop in self.hops:
            if abs(hop.seconds - seconds) < 1e-9:
                return hop
        known = ", ".join(f"{hop.seconds:g}" for hop in self.hops)
        raise ConfigError(f"this model has no hop of {seconds:g} s; it was trained for: {known}")


def card_to_json(card: Mapping[str, Any], sha256: str) -> str:
    """The text to store under METADATA_KEY."""
    return json.dumps({"format": FORMAT, **card, "sha256": sha256}, ensure_ascii=False)


def read_card(data: bytes, name: str) -> ModelCard:
    """The checked card of a model file's bytes; raises ModelFileError."""
    if len(data) > LARGEST_FILE:
        raise ModelFileError(f"{name}: larger than a model file may be ({LARGEST_FILE >> 20} MB)")
    try:
        file = read_onnx(data)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{name}: is not a whole ONNX model ({error}); get it anew") from None
    if METADATA_KEY not in file.metadata:
        raise ModelFileError(f"{name}: carries no streamgenre model card; export it with this tool")
    try:
        entries = json.loads(file.metadata[METADATA_KEY])
        if entries.pop("format") != FORMAT:
            raise ModelFileError(f"{name}: is of another format version; update streamgenre")
        entries["labels"] = tuple(Label(**label) for label in entries["labels"])
        entries["hops"] = tuple(Hop(**hop) for hop in entries["hops"])
        limits = entries["thresholds"]
        # Cards from before `hold` dropped a genre where they would not have taken it up.
        entries["thresholds"] = Thresholds(**{"hold": limits["unsure"], **limits})
        entries["styles"] = tuple(Style(**style) for style in entries.get("styles", ()))
        entries["gates"] = tuple(entries.get("gates", ()))
        card = ModelCard(**entries)
        _check(card)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelFileError(f"{name}: its card cannot be read ({error}); get it anew") from None
    if card.sha256 != file.sha256:
        raise ModelFileError(
            f"{name}: is damaged (its hash is not the one on its card); get it anew"
        )
    return card


def _check(card: ModelCard) -> None:
    """Raise ValueError where the card's numbers cannot be those of a model."""
    if not 1_000 <= card.sample_rate <= 192_000 or not 0 < card.state_size <= _LARGEST_STATE:
        raise ValueError("sample rate or state size")
    if card.hop_entry is not None and not 0 <= card.hop_entry < card.state_size:
        raise ValueError("hop entry outside the state")
    if not card.labels or len(set(card.label_names)) != len(card.labels):
        raise ValueError("labels missing or twice the same")
    if not all(re.fullmatch("#[0-9a-fA-F]{6}", label.colour) for label in card.labels):
        raise ValueError("a colour that is not #rrggbb")
    if len({style.name for style in card.styles}) != len(card.styles):
        raise ValueError("styles twice the same")
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
