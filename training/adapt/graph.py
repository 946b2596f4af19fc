"""Replaces the head of an ONNX model in its graph, without PyTorch; the base is unchanged.

The nodes that only `probabilities` depends on are replaced by Concat, Gemm, Div and Softmax over
other outputs of the base. Weights have the names of `streamgenre/networks/adapted.py`, for the
torch engine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import onnx
from onnx import helper, numpy_helper

from streamgenre.errors import ModelFileError, StreamgenreError
from streamgenre.model.card import read_card
from streamgenre.model.cut import LOGMEL
from streamgenre.model.engine import initial_state
from streamgenre.model.onnx import OnnxEngine
from streamgenre.package.nodes import name_nodes

from ..inference.decisions import softmax
from ..inference.parity import PARITY, PARITY_STEPS, carried_steps
from .head import Head

_SAME_STATE = 1e-6  # probabilities differ more, because the reference is computed in 64 bits
_OLDEST_OPSET = 13  # Softmax over one axis


class AdaptError(StreamgenreError):
    """The new model differs from the base with the new head; nothing was written."""


def check_base(model: onnx.ModelProto, name: str) -> None:
    """Raise ModelFileError if the head of a model cannot be replaced."""
    if not {"embedding", "next_state"} <= {output.name for output in model.graph.output}:
        raise ModelFileError(
            f"{name}: has no output `embedding`, which a new head needs; give another model"
        )
    opset = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 0)
    if opset < _OLDEST_OPSET:
        raise ModelFileError(f"{name}: is of ONNX opset {opset}; export it again")


def description(
    base: Mapping[str, object], classes: int, reads: tuple[str, ...]
) -> dict[str, object]:
    """The entry `network` of the card. The base of an adapted model is that of the new one, too."""
    inner = base["base"] if base.get("kind") == "adapted" else dict(base)
    return {"kind": "adapted", "base": inner, "classes": classes, "reads": list(reads)}


def with_head(base: onnx.ModelProto, adapted: bool, head: Head) -> onnx.ModelProto:
    """The graph of the base with the new head; `adapted`: the base is itself an adapted model."""
    model = onnx.ModelProto()
    model.CopyFrom(base)
    del model.metadata_props[:]
    graph = model.graph
    used = _names_read(graph)
    _cut(graph, used)
    if not adapted:
        _move_into_base(graph)
    for name, value in (
        ("network.head.weight", head.weight),
        ("network.head.bias", head.bias),
        ("temperature", np.float32(head.temperature)),
    ):
        graph.initializer.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
    features = head.reads[0]
    if len(head.reads) > 1:
        features = "/head/Concat_output_0"
        graph.node.append(helper.make_node("Concat", head.reads, [features], axis=1))
    logits, cooled = "/head/Gemm_output_0", "/head/Div_output_0"
    graph.node.extend(
        [
            helper.make_node(
                "Gemm",
                [features, "network.head.weight", "network.head.bias"],
                [logits],
                transB=1,
            ),
            helper.make_node("Div", [logits, "temperature"], [cooled]),
            helper.make_node("Softmax", [cooled], ["probabilities"], axis=1),
        ]
    )
    for output in graph.output:
        if output.name == "probabilities":
            output.type.tensor_type.shape.dim[1].dim_value = len(head.bias)
    name_nodes(graph)
    onnx.checker.check_model(model)
    return model


def _names_read(graph: onnx.GraphProto) -> set[str]:
    return {name for node in graph.node for name in node.input}


def _cut(graph: onnx.GraphProto, used: set[str]) -> None:
    """Remove everything that only `probabilities` depends on.

    Weights that no node reads are kept, because the torch engine needs them.
    """
    wanted = {output.name for output in graph.output} - {"probabilities"}
    alive = []
    for node in reversed(graph.node):  # nodes are stored in the order of computation
        if wanted.intersection(node.output):
            wanted.update(node.input)
            alive.append(node)
    kept = [
        tensor
        for tensor in graph.initializer
        if (tensor.name in wanted or tensor.name not in used) and tensor.name != "temperature"
    ]
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in reversed(alive)]
    tensors = [onnx.TensorProto.FromString(tensor.SerializeToString()) for tensor in kept]
    del graph.node[:], graph.initializer[:]
    for value in [value for value in graph.value_info if value.name != LOGMEL]:
        graph.value_info.remove(value)
    graph.node.extend(nodes)
    graph.initializer.extend(tensors)


def _move_into_base(graph: onnx.GraphProto) -> None:
    """`network.X` becomes `network.base.X`, as inside streamgenre/networks/adapted.py."""

    def moved(name: str) -> str:
        return f"network.base.{name[8:]}" if name.startswith("network.") else name

    for tensor in graph.initializer:
        tensor.name = moved(tensor.name)
    for node in graph.node:
        # Outputs too: the exporter stores equal weights once and copies them with Identity nodes.
        for names in (node.input, node.output):
            names[:] = [moved(name) for name in names]


def verify(
    base: OnnxEngine,
    data: bytes,
    head: Head,
    name: str,
    checked: Callable[[int], None] = lambda steps: None,
) -> None:
    """Raise AdaptError unless the new model agrees with the base and that head over carried steps.

    `checked` is called with the number of finished steps, out of PARITY_STEPS.
    """
    card = read_card(data, name)
    new = OnnxEngine(data, card)
    pairs = carried_steps(
        [new.step, base.step], card.hops[0].window, initial_state(card), PARITY_STEPS
    )
    for done, (got, expected) in enumerate(pairs, 1):
        read = np.concatenate([getattr(expected, output) for output in head.reads], 1)
        probabilities = softmax(head.logits(read), head.temperature)
        state_off = float(np.abs(got.next_state - expected.next_state).max())
        off = float(np.abs(got.probabilities - probabilities).max())
        if not (state_off <= _SAME_STATE and off <= PARITY):
            raise AdaptError(
                f"{name}: the new graph is not the base with the new head (state differs by "
                f"{state_off:.1e}, probabilities by {off:.1e}); nothing was written"
            )
        checked(done)
