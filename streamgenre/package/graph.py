"""One step as a graph with static shapes, for one hop and one batch size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ..audio.logmel import SAMPLE_RATE
from ..errors import ModelFileError
from ..model.card import Hop, ModelCard
from ..model.cut import LOGMEL, without_front_end
from ..model.onnx import INPUTS, OPTIONAL_OUTPUTS, OUTPUTS
from ..model.session import session
from .frontend import Layout, front_end
from .nodes import Nodes, name_nodes, set_nodes

_SAMPLES, _STATE = INPUTS
_NEXT = OUTPUTS[2]
DEFAULT_HOP = ".default_hop"  # suffix of the name of the constant (streamgenre.networks.readout)
WEIGHTS = "weights/"  # prefix of the names of the network's weights
_MEMORY, _NEXT_MEMORY = "memory", "next_memory"  # the part of the state that belongs to the network


def at_hop(data: bytes, card: ModelCard, hop: Hop) -> bytes:
    """The model with `hop` as its default, for a state whose hop entry is zero.

    A host program starts with a state of zeros. If the network needs the hop, the default is a
    constant of the graph.
    """
    if card.hop_entry is None:
        return data
    model = onnx.load_from_string(data)
    for tensor in model.graph.initializer:
        if tensor.name.endswith(DEFAULT_HOP):
            value = np.array(hop.seconds, np.float32)
            tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))
            return bytes(model.SerializeToString())
    raise ModelFileError(f"model {card.name}: has no constant for the hop; export it again")


def step_graph(data: bytes, card: ModelCard, hop: Hop, batch: int) -> onnx.ModelProto:
    """The step of a model file for `batch` streams, with static shapes.

    Inputs and outputs follow the ONNX contract. If the network reads log-mel, a step reads a few
    more samples than the hop, and the state holds the network's state, then the carried frames.
    """
    cut = None if card.sample_rate != SAMPLE_RATE else without_front_end(data)
    model = onnx.load_from_string(data if cut is None else cut)
    _name_weights(model.graph)
    name_nodes(model.graph)  # the model may come from another exporter
    if cut is None:
        fixed = {_SAMPLES: [batch, hop.window], _STATE: [batch, card.state_size]}
    else:
        layout = Layout(hop.samples, hop.window)
        _attach_front_end(model.graph, card, layout, batch)
        state = card.state_size + layout.state
        fixed = {_SAMPLES: [batch, layout.samples], _STATE: [batch, state]}
    return _static(model, fixed)


def _name_weights(graph: onnx.GraphProto) -> None:
    """Prefix the names of constants and weights with WEIGHTS, so that all are stored alike."""
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            tensor = node.attribute[0].t
            tensor.name = node.output[0]
            graph.initializer.append(tensor)
    set_nodes(graph, [node for node in graph.node if node.op_type != "Constant"])
    names = {tensor.name: f"{WEIGHTS}{tensor.name.strip('/')}" for tensor in graph.initializer}
    for tensor in graph.initializer:
        tensor.name = names[tensor.name]
    _rename(graph, names)


def _attach_front_end(graph: onnx.GraphProto, card: ModelCard, layout: Layout, batch: int) -> None:
    """Insert the front end before `logmel`, and append its frames to the state."""
    nodes = Nodes("front")
    after = Nodes("after")
    memory = card.state_size
    if layout.shares:
        _rename(graph, {_STATE: _MEMORY, _NEXT: _NEXT_MEMORY})
        nodes.add("Identity", nodes.part(_STATE, 1, 0, memory), name=_MEMORY)
        carried = nodes.part(_STATE, 1, memory, memory + layout.state)
        front = front_end(nodes, layout, batch, _SAMPLES, carried)
        assert front.carried is not None
        after.add("Concat", _NEXT_MEMORY, front.carried, axis=1, name=_NEXT)
    else:
        front = front_end(nodes, layout, batch, _SAMPLES, "")
    _rename(graph, {LOGMEL: front.logmel})
    set_nodes(graph, [*nodes.nodes, *graph.node, *after.nodes])
    graph.initializer.extend([*nodes.tensors, *after.tensors])


def _rename(graph: onnx.GraphProto, names: dict[str, str]) -> None:
    for node in graph.node:
        for ends in (node.input, node.output):
            ends[:] = [names.get(name, name) for name in ends]


def _static(model: onnx.ModelProto, inputs: dict[str, list[int]]) -> onnx.ModelProto:
    """The model with these input shapes, and with output shapes taken from a run."""
    graph = model.graph
    names = [output.name for output in graph.output]
    if unknown := {*names} - {*OUTPUTS, *OPTIONAL_OUTPUTS}:
        raise ModelFileError(f"the model has unknown outputs: {', '.join(sorted(unknown))}")
    del graph.input[:], graph.output[:], graph.value_info[:], model.metadata_props[:]
    graph.input.extend(_tensor(name, shape) for name, shape in inputs.items())
    graph.output.extend(_tensor(name, None) for name in names)
    silence = {name: np.zeros(shape, np.float32) for name, shape in inputs.items()}
    values = session(model.SerializeToString()).run(names, silence)
    del graph.output[:]
    graph.output.extend(_tensor(n, value.shape) for n, value in zip(names, values, strict=True))
    return model


def _tensor(name: str, shape: Sequence[int] | None) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
