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

    model = onnx.load_from_string(data)
    nodes = model.graph.node
    values = _values(model)
    constant = {i.name for i in model.graph.initializer}
    for node in nodes:
        if all(name in constant for name in node.input if name):
            constant.update(node.output)
    parts: dict[str, dict[str, int]] = {}
    read: set[str] = set()
    part = PARTS[0]
    for node in nodes:
        part = part_of_node(node.name, part)
        count = _macs(node, values)
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

    return _zeros(onnx.load_from_string(data))


def part_of_node(name: str, before: str) -> str:
    """The part that a node's scope names; without such a scope, that of the node before it."""
    for scope in re.split(r"[/.]", name):
        if scope in _SCOPES:
            return _SCOPES[scope]
    # What follows the trunk, in no scope of its own, joins its means: still the trunk.
    return before


def _macs(node: Any, values: dict[str, NDArray[Any]]) -> int:
    """Products that are summed: for each number that comes out, those that lead to it."""
    if node.op_type == "Conv":
        each = values[node.input[1]][0].size  # of one output channel, groups included
    elif node.op_type == "MatMul":
        each = values[node.input[0]].shape[-1]
    elif node.op_type == "Gemm":
        turned = any(a.name == "transA" and a.i for a in node.attribute)
        each = values[node.input[0]].shape[0 if turned else 1]
    else:
        return 0
    return int(values[node.output[0]].size * each)


def _zeros(model: Any) -> dict[str, NDArray[Any]]:
    from onnx import helper

    given = {}
    weights = {i.name for i in model.graph.initializer}
    for entry in model.graph.input:
        if entry.name in weights:
            continue
        kind = entry.type.tensor_type
        shape = [dim.dim_value or 1 for dim in kind.shape.dim]
        given[entry.name] = np.zeros(shape, helper.tensor_dtype_to_np_dtype(kind.elem_type))
    return given


def _values(model: Any) -> dict[str, NDArray[Any]]:
    """Every tensor of one run on zeros, by name."""
    import onnx
    import onnxruntime
    from onnx import numpy_helper

    given = _zeros(model)
    names = [name for node in model.graph.node for name in node.output if name]
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    del shown.graph.output[:]
    shown.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    settings = onnxruntime.SessionOptions()
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    settings.intra_op_num_threads = 1
    settings.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        shown.SerializeToString(), settings, providers=["CPUExecutionProvider"]
    )
    values = dict(zip(names, session.run(names, given), strict=True))
    weights = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    return {**given, **weights, **values}
