"""Count the multiply-adds of a graph, with shapes from one run on zeros."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from ..model.session import session


def multiply_adds(model: onnx.ModelProto) -> int:
    """Multiply-adds of one step, without constant nodes, which are computed once at loading."""
    values, constant = every_value(model), constants(model)
    changing = [node for node in model.graph.node if not constant.issuperset(node.output)]
    return sum(node_multiply_adds(node, values) for node in changing)


def constants(model: onnx.ModelProto) -> set[str]:
    """Names of weights, and of tensors that depend on nothing else."""
    names = {tensor.name for tensor in model.graph.initializer}
    for node in model.graph.node:
        if all(name in names for name in node.input if name):
            names.update(node.output)
    return names


def node_multiply_adds(node: onnx.NodeProto, values: dict[str, NDArray[Any]]) -> int:
    """Multiply-adds of a node: the number of outputs times the products summed for each."""
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


def zeros(model: onnx.ModelProto) -> dict[str, NDArray[Any]]:
    """Zeros for each input of the model; free dimensions become 1."""
    inputs = {}
    weights = {tensor.name for tensor in model.graph.initializer}
    for entry in model.graph.input:
        if entry.name in weights:
            continue
        kind = entry.type.tensor_type
        sizes = [size.dim_value or 1 for size in kind.shape.dim]
        inputs[entry.name] = np.zeros(sizes, helper.tensor_dtype_to_np_dtype(kind.elem_type))
    return inputs


def every_value(model: onnx.ModelProto) -> dict[str, NDArray[Any]]:
    """All tensors of one run on zeros by name, including shapes that inference does not find."""
    inputs = zeros(model)
    names = [name for node in model.graph.node for name in node.output if name]
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    del shown.graph.output[:]
    shown.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    every = session(
        shown.SerializeToString(),
        graph_optimization_level=onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
    )
    values = dict(zip(names, every.run(names, inputs), strict=True))
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    return {**inputs, **weights, **values}
