"""The model card: the description of a model, stored as JSON in the ONNX metadata."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from numbers import Real
from typing import Any

from ..errors import ConfigError, ModelFileError, reason
from ..parse import DEEPEST, parse_json
from .onnxfile import LARGEST_FILE, read_onnx

FORMAT = 1
METADATA_KEY = "streamgenre"
# Limits of a card, since the file is not trusted: they bound the memory of a stream.
LONGEST_CARD = 4 * 2**20  # characters
_LARGEST_STATE = 1_000_000  # numbers
_LARGEST_WINDOW = 3_000_000  # samples; a minute at 48 kHz
_SHORTEST_HOP = 0.01  # s; each hop makes an update
_MOST_NAMES, _MOST_HOPS = 10_000, 100
_LONGEST_NAME = 255  # characters
_NOT_TEXT = frozenset({"Cc", "Cs", "Zl", "Zp"})  # control characters, surrogates, line breaks


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
            f"{name}: is not an ONNX model that can be loaded ({error}); download it again"
        ) from None
    if METADATA_KEY not in file.metadata:
        raise ModelFileError(f"{name}: has no model card; use a model written by streamgenre")
    try:
        entries = parse_json(file.metadata[METADATA_KEY], LONGEST_CARD, DEEPEST)
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
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ModelFileError(
            f"{name}: the model card is invalid ({reason(error)}); download the model again"
        ) from None
    if card.sha256 != file.sha256:
        raise ModelFileError(
            f"{name}: is damaged (its hash differs from the card); download it again"
        )
    return card


def _check(card: ModelCard) -> None:
    """Raise ValueError if an entry of the card is out of range or inconsistent."""
    _check_texts(card)
    if not (
        _whole(card.sample_rate, 1_000, 192_000) and _whole(card.state_size, 1, _LARGEST_STATE)
    ):
        raise ValueError("sample rate or state size")
    if card.hop_entry is not None and not _whole(card.hop_entry, 0, card.state_size - 1):
        raise ValueError("hop entry out of range")
    if not card.labels or len(set(card.label_names)) != len(card.labels):
        raise ValueError("missing or duplicate labels")
    if not all(re.fullmatch("#[0-9a-fA-F]{6}", label.colour) for label in card.labels):
        raise ValueError("colour not of the form #rrggbb")
    if len({style.name for style in card.styles}) != len(card.styles):
        raise ValueError("duplicate styles")
    if len(card.hops) > _MOST_HOPS:
        raise ValueError(f"more than {_MOST_HOPS} hops")
    for hop in card.hops:
        if not _finite(hop.seconds) or not _whole(hop.window, 1, _LARGEST_WINDOW):
            raise ValueError("hop or window out of range")
        exact = hop.samples == round(hop.seconds * card.sample_rate)
        if not exact or not _whole(hop.samples, 1, hop.window) or hop.seconds < _SHORTEST_HOP:
            raise ValueError(f"hop of {hop.seconds} s")
        if not all(_is_text(key) and _finite(value) for key, value in hop.accuracy.items()):
            raise ValueError(f"accuracy of hop {hop.seconds} s")
    if not {card.live_hop, card.file_hop} <= {hop.seconds for hop in card.hops}:
        raise ValueError("live or file hop not among the hops")
    if not all(_finite(value) for value in asdict(card.thresholds).values()):
        raise ValueError("thresholds")
    if not card.thresholds.smoothing > 0:
        raise ValueError("smoothing")
    if not isinstance(card.about, dict) or not isinstance(card.network, dict):
        raise ValueError("about or network is not an object")


def _check_texts(card: ModelCard) -> None:
    """Raise ValueError for names that are not short and printable, or for too many of them."""
    if max(len(card.labels), len(card.styles), len(card.gates)) > _MOST_NAMES:
        raise ValueError(f"more than {_MOST_NAMES} names")
    names: Iterable[object] = (
        card.name,
        card.version,
        card.sha256,
        *(text for label in card.labels for text in (label.name, label.display, label.colour)),
        *(text for style in card.styles for text in (style.name, style.display)),
        *(label.parent or "-" for label in card.labels),
        *(style.parent or "-" for style in card.styles),
        *card.gates,
    )
    if not all(map(_is_text, names)):
        raise ValueError(f"a name is not one line of up to {_LONGEST_NAME} characters")


def _is_text(value: object) -> bool:
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_NAME:
        return False
    # Control characters would act on a terminal. Joiners, which some scripts need, are kept.
    return all(unicodedata.category(character) not in _NOT_TEXT for character in value)


def _whole(value: object, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most


def _finite(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
