"""Soft targets of tracks: genre distributions, tags over time, and the probability of music.

`teach` writes the file and `train --lessons` reads it. All values are in 0..1.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from streamgenre.files import replace_bytes
from streamgenre.model.card import Style as CardStyle
from streamgenre.parse import parse_json

from ..data.record import DataError

STEP = 1.25  # s between rows
FIRST = 1.25  # s, centre of the window of the first row


@dataclass(frozen=True)
class TrackTargets:
    """Soft targets of one track."""

    genres: np.ndarray  # float32 (C,), a distribution
    tags: np.ndarray  # float16 (rows, D)
    music: np.ndarray  # float32 (rows,)

    @property
    def sizes(self) -> tuple[int, int]:
        """Numbers of classes and of tags."""
        return len(self.genres), self.tags.shape[1]

    def row(self, seconds: float) -> int:
        """Index of the row nearest to a time in the track."""
        return min(max(round((seconds - FIRST) / STEP), 0), len(self.tags) - 1)


@dataclass(frozen=True)
class Style:
    """A tag that the network outputs as a style."""

    name: str
    display: str
    parent: str  # label
    tag: int  # index of the tag


@dataclass(frozen=True)
class SoftTargets:
    """Soft targets of a data set."""

    labels: tuple[str, ...]
    tags: tuple[str, ...]
    styles: tuple[Style, ...]
    by_key: Mapping[str, TrackTargets]
    sha256: str = ""
    about: Mapping[str, object] = field(default_factory=dict)
    """Names of the teachers and settings."""

    @property
    def card_styles(self) -> tuple[CardStyle, ...]:
        """The styles as they are stored in checkpoints and cards."""
        return tuple(CardStyle(s.name, s.display, s.parent) for s in self.styles)


def write_soft_targets(path: Path, soft_targets: SoftTargets) -> None:
    """Write one safetensors file. Equal soft targets give identical bytes."""
    tensors = {}
    for key, targets in soft_targets.by_key.items():
        for kind, values, of in (
            ("genres", targets.genres, np.float32),
            ("tags", targets.tags, np.float16),
            ("music", targets.music, np.float32),
        ):
            tensors[f"{kind}/{key}"] = np.ascontiguousarray(values, of)
    about = {
        "labels": list(soft_targets.labels),
        "tags": list(soft_targets.tags),
        "styles": [vars(style) for style in soft_targets.styles],
        "about": dict(soft_targets.about),
    }
    # A single entry: the order of several entries is not deterministic.
    replace_bytes(path, save(tensors, {"lessons": json.dumps(about, allow_nan=False)}))


def read_soft_targets(path: Path, labels: Sequence[str]) -> SoftTargets:
    """Read a file of soft targets. Raises DataError for an invalid file or for other labels."""
    tensors: dict[str, dict[str, np.ndarray]] = {"genres": {}, "tags": {}, "music": {}}
    try:
        with safe_open(path, "numpy") as file:
            entries = parse_json(file.metadata()["lessons"])
            for name in file.keys():  # noqa: SIM118 - not a mapping
                kind, key = name.split("/", 1)
                tensors[kind][key] = file.get_tensor(name)
        by_key = {
            key: TrackTargets(genres, tensors["tags"][key], tensors["music"][key])
            for key, genres in tensors["genres"].items()
        }
        styles = tuple(Style(**style) for style in entries["styles"])
        theirs, tags, about = tuple(entries["labels"]), tuple(entries["tags"]), entries["about"]
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"{path}: cannot be read as soft targets ({error}); run teach again"
        ) from None
    if theirs != tuple(labels):
        raise DataError(f"{path}: is for other genres ({', '.join(theirs)}); run teach again")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return SoftTargets(theirs, tags, styles, by_key, digest, about)
