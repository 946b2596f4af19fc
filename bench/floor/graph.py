"""Multiply-adds, weights and activations of an ONNX graph, counted, by part.

Shapes are those of one run on zeros for one stream, which knows more than shape inference does.
What depends on no input (weights, what is made of them) is weight: a runtime computes it once.
Counted are the nodes with multiply-adds (Conv, Gemm, MatMul): the others cost little and could run
inside of them.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

COUNTS = ("macs", "macs_nonzero", "weight_bytes", "activation_bytes")
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


def of_model(data: bytes) -> dict[str, Any]:
    """COUNTS of one step of a serialized model, and `parts` with those of each, in their order.

    `macs_nonzero` leaves out products with weights that are 0, as channels hold that were filled up
    to a convenient number: a runtime does them, nothing needs them.
    """
    import onnx

    from streamgenre.package.work import constants, every_value, node_multiply_adds

    model = onnx.load_from_string(data)
    nodes = model.graph.node
    values = every_value(model)
    constant = constants(model)
    parts: dict[str, dict[str, int]] = {}
    read: set[str] = set()
    part = PARTS[0]
    for node in nodes:
        part = part_of_node(node.name, part)
        count = node_multiply_adds(node, values)
        if not count or constant.issuperset(node.output):
            continue
        one = parts.setdefault(part, dict.fromkeys(COUNTS, 0))
        one["macs"] += count
        weight = values[node.input[1]]
        share = np.count_nonzero(weight) / weight.size if node.input[1] in constant else 1.0
        one["macs_nonzero"] += round(count * share)
        for name in filter(None, [*node.input, *node.output]):
            if name not in constant:
                one["activation_bytes"] += values[name].nbytes
            elif name not in read:
                one["weight_bytes"] += values[name].nbytes
                read.add(name)
    sums = {key: sum(one[key] for one in parts.values()) for key in COUNTS}
    return {**sums, "parts": parts}


def inputs_of(data: bytes) -> dict[str, NDArray[Any]]:
    """Zeros for every input of a serialized model, for one stream."""
    import onnx

    from streamgenre.package.work import zeros

    return zeros(onnx.load_from_string(data))


def part_of_node(name: str, before: str) -> str:
    """The part that a node's scope names; without such a scope, that of the node before it."""
    for scope in re.split(r"[/.]", name):
        if scope in _SCOPES:
            return _SCOPES[scope]
    # What follows the trunk, in no scope of its own, joins its means: still the trunk.
    return before
