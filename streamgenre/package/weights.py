"""Weights in fewer bits: a smaller file for the same computation.

Only what is stored changes. A runtime folds the nodes that give the numbers back when it loads the
file, since they depend on no input, and computes in 32 bits from then on: arithmetic in 8 bits made
this network slower on processors, for its activations have no form in it. All nodes are of the
plain operator set, so that no runtime needs to know how weights were stored.

`int8` stores whole numbers, symmetric, with a scale for each stretch of a row. How many bits they
have follows from what was measured on music (bench: embedded): the rounding of a matrix averages
out over its long rows, so the largest bear five bits; the small kernels of convolutions do not, and
keep sixteen.
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from .limits import Dtype
from .nodes import Nodes

_SMALLEST = 512  # values; below it the nodes cost more than they save
_LARGE, _LARGEST = 10_000, 150_000  # values
_STRETCH = 32  # values of a row, at most, that share a scale
_SHRUNK = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7)
"""Of the scale that reaches the largest value: a smaller one may round the others better."""


def store(model: onnx.ModelProto, dtype: Dtype, scope: str) -> onnx.ModelProto:
    """The model with the weights whose names begin with `scope` stored so.

    What it gives changes by the rounding.
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
    stretches = values.reshape(-1, _stretch(values.size // len(values)))
    numbers, scales = rounded(stretches, bits)
    shape = nodes.shape(*stretches.shape)
    if bits == 8:
        whole = nodes.add("Cast", nodes.constant(numbers, np.int8), to=TensorProto.FLOAT)
    else:  # the upper four bits two to a byte, the others as many as fit
        offset, below = 1 << bits - 1, bits - 4
        unsigned = numbers.ravel() + np.int16(offset)
        upper = _unpacked(nodes, unsigned >> below, 4, 1 << below, offset)
        lower = _unpacked(nodes, unsigned % (1 << below), below, 1, 0)
        parts = (nodes.add("Reshape", part, shape) for part in (upper, lower))
        floats = (nodes.add("Cast", part, to=TensorProto.FLOAT) for part in parts)
        whole = nodes.add("Add", *floats)
    # Scales of sixteen bits keep their precision where the largest is 1.
    unit = float(scales.max())
    halves = nodes.add("Cast", nodes.constant(scales / unit, np.float16), to=TensorProto.FLOAT)
    given = nodes.add("Mul", whole, nodes.add("Mul", halves, nodes.constant(unit)))
    nodes.add("Reshape", given, nodes.shape(*values.shape), name=name)


def _stretch(columns: int) -> int:
    """The longest stretch, of _STRETCH values at most, that a row divides into."""
    return max(n for n in range(1, _STRETCH + 1) if columns % n == 0)


def rounded(values: NDArray[np.float32], bits: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Whole numbers of so many bits, and the scales (rows, 1) that best give the values back.

    >>> rounded(np.array([[1.0, -0.5, 0.0]], np.float32), 8)[0]
    array([[127, -64,   0]], dtype=int8)
    """
    largest = (1 << bits - 1) - 1
    full = np.abs(values).max(1, keepdims=True) / np.float32(largest)
    full[full == 0] = 1  # channels of zeros, which fill a width up
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
    """`digits * unit - offset` (n / several, several) of digits (n,), stored several to a byte.

    By a table of all bytes: what arithmetic leaves behind on the way would take four times the
    memory while a model is loaded.
    """
    shifts = np.arange(0, 8, bits)
    packed = (digits.reshape(-1, len(shifts)) << shifts).sum(1)
    table = (np.arange(256)[:, None] >> shifts) % (1 << bits) * unit - offset
    where = nodes.add("Cast", nodes.constant(packed, np.uint8), to=TensorProto.INT32)
    return nodes.add("Gather", nodes.constant(table, np.int8), where)
