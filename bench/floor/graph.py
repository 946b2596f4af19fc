"""Numbers of multiply-adds, weights and activations in an ONNX graph, by part.

Shapes come from a run on zeros for one stream, which is more complete than shape inference. Tensors
that do not depend on an input (weights, and functions of weights) count as weights, because a
runtime computes them once. Only nodes with multiply-adds (Conv, Gemm, MatMul) are counted: the
others are cheap and could be fused with them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

PARTS = ("front end", "trunk", "memory", "heads")
_SCOPES = {
    "stem": "trunk",
    "blocks": "trunk",
    "top": "trunk",
    "gru": "memory",
    "classifier": "heads",
    "music": "heads",
    "styles": "heads",
    "speech": "heads",
}


@dataclass(frozen=True)
class Counts:
    """Operations and bytes of one step."""

    macs: int
    macs_nonzero: int  # without products with zero weights, as in padded channels
    weight_bytes: int
    activation_bytes: int

    @classmethod
    def total(cls, parts: Iterable[Counts]) -> Counts:
        """The sum of several parts."""
        rows = [(p.macs, p.macs_nonzero, p.weight_bytes, p.activation_bytes) for p in parts]
        return cls(*map(sum, zip(*rows, strict=True)))


@dataclass(frozen=True)
class GraphCounts(Counts):
    """Counts of a whole graph, and of each of its parts in order."""

    parts: dict[str, Counts]


def of_model(data: bytes) -> GraphCounts:
    """Count one step of a serialized model."""
    import onnx

    from streamgenre.package.work import constants, every_value, node_multiply_adds

    model = onnx.load_from_string(data)
    nodes = model.graph.node
    values = every_value(model)
    constant = constants(model)
    counts: dict[str, list[Counts]] = {}
    read: set[str] = set()
    part = PARTS[0]
    for node in nodes:
        part = part_of_node(node.name, part)
        count = node_multiply_adds(node, values)
        if not count or constant.issuperset(node.output):
            continue
        weight = values[node.input[1]]
        share = np.count_nonzero(weight) / weight.size if node.input[1] in constant else 1.0
        names = [name for name in (*node.input, *node.output) if name]
        new = {name for name in names if name in constant and name not in read}
        read |= new
        counts.setdefault(part, []).append(
            Counts(
                macs=count,
                macs_nonzero=round(count * share),
                weight_bytes=sum(values[name].nbytes for name in new),
                activation_bytes=sum(values[n].nbytes for n in names if n not in constant),
            )
        )
    parts = {part: Counts.total(nodes) for part, nodes in counts.items()}
    whole = Counts.total(parts.values())
    return GraphCounts(**vars(whole), parts=parts)


def inputs_of(data: bytes) -> dict[str, NDArray[Any]]:
    """Zeros for every input of a serialized model, for one stream."""
    import onnx

    from streamgenre.package.work import zeros

    return zeros(onnx.load_from_string(data))


def part_of_node(name: str, before: str) -> str:
    """The part in the scope of a node; without a known scope, that of the previous node."""
    for scope in re.split(r"[/.]", name):
        if scope in _SCOPES:
            return _SCOPES[scope]
    # Nodes after the trunk without a scope concatenate its means: still the trunk.
    return before
