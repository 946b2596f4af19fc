"""What an export adds to the card of a model: name, version, about, and measured accuracy."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from streamgenre.errors import StreamgenreError
from streamgenre.parse import parse_json

from ..checkpoint import read
from ..data import DataError
from ..evaluation.suite import Measured


class ExportError(StreamgenreError):
    """The model cannot be exported as requested; nothing was written."""


@dataclass(frozen=True)
class CardChanges:
    """Entries of a card that an export may set; None keeps an entry."""

    name: str | None = None
    version: str | None = None
    about: Mapping[str, object] = field(default_factory=dict)  # added to the other entries
    live_hop: float | None = None
    file_hop: float | None = None

    @classmethod
    def read(cls, path: Path) -> CardChanges:
        """From a JSON file. Raises ExportError for any other entry."""
        entries = _json_object(path)
        if unknown := entries.keys() - vars(cls()).keys():
            listed = ", ".join(sorted(vars(cls())))
            raise ExportError(f"card: cannot set {', '.join(sorted(unknown))}; only {listed}")
        return cls(**entries)


def measured_accuracy(results: Path, checkpoint: Path) -> dict[float, dict[str, float]]:
    """The metrics of a checkpoint for its card, by hop, from the output of `evaluate`.

    Raises DataError for results of another model or split.
    """
    try:
        measured = Measured.model_validate(_json_object(results))
        accuracy = {float(hop): metrics.for_card() for hop, metrics in measured.hops.items()}
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        reason = error.errors()[0]["msg"]
        raise DataError(f"{results}: is not what evaluate wrote ({place}: {reason})") from None
    # Metrics stay valid if a speech layer was added after the measurement.
    same = {hashlib.sha256(checkpoint.read_bytes()).hexdigest(), read(checkpoint)[1].before_speech}
    if measured.model.sha256 not in same:
        raise DataError(f"{results}: measured another model; run evaluate --model {checkpoint}")
    if measured.split != "test":
        raise DataError(f"{results}: is for split {measured.split!r}; a card needs test")
    return accuracy


def _json_object(path: Path) -> dict[str, Any]:
    try:
        entries = parse_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: is not JSON: {error}") from None
    if not isinstance(entries, dict):
        raise DataError(f"{path}: must contain a JSON object")
    return entries
