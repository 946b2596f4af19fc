"""Weights stored with sixteen bits: half the file, the same computation.

The weights are rounded first, in the network itself; then what is a number of sixteen bits is
stored as one, and a Cast in the graph, folded when it is loaded, gives it back. Parity between the
engines is that of any other model. The front end's transform keeps its 32 bits: rounding it would
add noise 70 dB below the loudest band.
"""

from __future__ import annotations

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

_SUFFIX = ".half"
_SMALLEST = 64  # values; below it a Cast costs more than it saves


def round_weights(network: nn.Module) -> None:
    """Round all parameters to what sixteen bits can hold, in place."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(parameter.half().float())


def store_half(model: onnx.ModelProto) -> None:
    """Store with sixteen bits, in place, every weight that loses nothing by it."""
    casts, tensors = [], []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        fits = values.dtype == np.float32 and values.size >= _SMALLEST
        if not fits or not np.array_equal(half.astype(np.float32), values):
            tensors.append(tensor)
            continue
        stored = f"{tensor.name}{_SUFFIX}"
        tensors.append(numpy_helper.from_array(half, stored))
        casts.append(helper.make_node("Cast", [stored], [tensor.name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    tensors = [onnx.TensorProto.FromString(tensor.SerializeToString()) for tensor in tensors]
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(kept)
    model.graph.initializer.extend(tensors)
