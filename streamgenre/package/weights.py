"""Store weights in fewer bits, which makes the file smaller.

Only the storage changes, not the computation. A runtime folds the nodes that decode the weights
when it loads the file, and then computes in float32. Integer arithmetic was slower on CPUs, since
this network has no operators for 8-bit activations. All nodes are standard operators, so every
runtime can decode the weights.

`int8` stores integers, symmetric around 0, with a scale for each group of values in a row. The
number of bits is based on measurements on music (`python -m bench embedded`). Rounding errors
average out over the long rows of large matrices, so five bits are enough there. The small kernels
of convolutions have 16 bits.
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from .limits import Dtype
from .nodes import Nodes

_SMALLEST = 512  # values; for smaller tensors, the nodes would take more space than they save
_LARGE, _LARGEST = 10_000, 150_000  # values
_GROUP = 32  # maximum number of values that share a scale
_SHRUNK = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7)
"""Factors to try on the full scale: smaller scales clip the largest value but may round better."""


def store(model: onnx.ModelProto, dtype: Dtype, scope: str) -> onnx.ModelProto:
    """The model with all weights whose names begin with `scope` stored as `dtype`.

    Rounding changes its outputs slightly.
    """
    kept: list[onnx.TensorProto] = []
    nodes = Nodes("stored")
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        bits = _bits(values, dtype) if tensor.name.startswith(scope) else 32
        if bits == 32:
            kept.append(tensor)
        elif bits == 16:
            half = nodes.constant(values, np.float16)
            nodes.add("Cast", half, to=TensorProto.FLOAT, name=tensor.name)
        else:
            _whole_numbers(nodes, tensor.name, values, bits)
    graph = model.graph
    made = helper.make_graph(
        [*nodes.nodes, *graph.node], graph.name, graph.input, graph.output, [*kept, *nodes.tensors]
    )
    return helper.make_model(made, opset_imports=model.opset_import, ir_version=model.ir_version)


def _bits(values: NDArray[np.generic], dtype: Dtype) -> int:
    if dtype == "fp32" or values.dtype != np.float32 or values.size < _SMALLEST:
        return 32
    if dtype == "fp16":
        return 16
    if values.ndim == 2 and values.size % 8 == 0:
        return 5 if values.size >= _LARGEST else 6 if values.size >= _LARGE else 8
    return 8 if values.size >= _LARGE else 16


def _whole_numbers(nodes: Nodes, name: str, values: NDArray[np.float32], bits: int) -> None:
    groups = values.reshape(-1, _group_size(values.size // len(values)))
    numbers, scales = rounded(groups, bits)
    shape = nodes.shape(*groups.shape)
    if bits == 8:
        whole = nodes.add("Cast", nodes.constant(numbers, np.int8), to=TensorProto.FLOAT)
    else:  # the upper four bits, two per byte, and the lower bits, as many per byte as fit
        offset, below = 1 << bits - 1, bits - 4
        unsigned = numbers.ravel() + np.int16(offset)
        upper = _unpacked(nodes, unsigned >> below, 4, 1 << below, offset)
        lower = _unpacked(nodes, unsigned % (1 << below), below, 1, 0)
        parts = (nodes.add("Reshape", part, shape) for part in (upper, lower))
        floats = (nodes.add("Cast", part, to=TensorProto.FLOAT) for part in parts)
        whole = nodes.add("Add", *floats)
    # Scales relative to the largest one keep their precision in float16.
    unit = float(scales.max())
    halves = nodes.add("Cast", nodes.constant(scales / unit, np.float16), to=TensorProto.FLOAT)
    decoded = nodes.add("Mul", whole, nodes.add("Mul", halves, nodes.constant(unit)))
    nodes.add("Reshape", decoded, nodes.shape(*values.shape), name=name)


def _group_size(columns: int) -> int:
    """The largest divisor of the row length that is at most _GROUP."""
    return max(n for n in range(1, _GROUP + 1) if columns % n == 0)


def rounded(values: NDArray[np.float32], bits: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Integers of `bits` bits, and scales (rows, 1) that minimise the squared error.

    >>> rounded(np.array([[1.0, -0.5, 0.0]], np.float32), 8)[0]
    array([[127, -64,   0]], dtype=int8)
    """
    largest = (1 << bits - 1) - 1
    full = np.abs(values).max(1, keepdims=True) / np.float32(largest)
    full[full == 0] = 1  # channels of zeros, from padding
    scales, least = full, np.full(full.shape, np.inf)
    for share in _SHRUNK:
        tried = full * np.float32(share)
        numbers = np.clip(np.rint(values / tried), -largest, largest)
        error = np.square(numbers * tried - values).sum(1, keepdims=True)
        scales = np.where(error < least, tried, scales)
        least = np.minimum(error, least)
    numbers = np.clip(np.rint(values / scales), -largest, largest)
    return numbers.astype(np.int8), scales


def _unpacked(nodes: Nodes, digits: NDArray[np.int16], bits: int, unit: int, offset: int) -> str:
    """`digits * unit - offset` (n / several, several) for digits (n,) stored several per byte.

    Uses a table of all bytes, since intermediate results of arithmetic would take four times the
    memory while a model is loaded.
    """
    shifts = np.arange(0, 8, bits)
    packed = (digits.reshape(-1, len(shifts)) << shifts).sum(1)
    table = (np.arange(256)[:, None] >> shifts) % (1 << bits) * unit - offset
    where = nodes.add("Cast", nodes.constant(packed, np.uint8), to=TensorProto.INT32)
    return nodes.add("Gather", nodes.constant(table, np.int8), where)
