"""One file per network; `build` makes one from the description that a model card carries."""

from __future__ import annotations

from typing import Any

from .step import StreamingNetwork


def build(description: dict[str, Any]) -> StreamingNetwork:
    """The untrained network of a card's `network` entry: its kind and constructor arguments."""
    from .adapted import Adapted
    from .tfcrnn import TFCRNN
    from .trunk import TrunkTFCRNN

    kinds: dict[str, type[StreamingNetwork]] = {
        "tfcrnn": TFCRNN,
        "trunk": TrunkTFCRNN,
        "adapted": Adapted,
    }
    arguments = dict(description)
    kind = arguments.pop("kind", None)
    if kind not in kinds:
        raise ValueError(f"unknown network kind {kind!r}: one of {', '.join(kinds)}")
    return kinds[kind](**arguments)
