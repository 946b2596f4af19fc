"""Storage of weights with 16 bits, for half the file size and the same computation.

First the weights of the network are rounded. Then values that 16 bits can represent are stored with
16 bits, and a Cast in the graph, which is folded on loading, converts them back. So the engines
agree as for any other model. The transform of the front end keeps its 32 bits, because rounding it
would add noise 70 dB below the loudest band.
"""

from __future__ import annotations

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

_SUFFIX = ".half"
_SMALLEST = 64  # values; for smaller tensors a Cast costs more than it saves


def round_weights(network: nn.Module) -> None:
    """Round all parameters to 16 bits, in place."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(parameter.half().float())


def store_half(model: onnx.ModelProto) -> None:
    """Store all weights with 16 bits that can be represented exactly, in place."""
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
