"""Build ONNX nodes in topological order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import helper, numpy_helper


def set_nodes(graph: onnx.GraphProto, nodes: Iterable[onnx.NodeProto]) -> None:
    """Replace the nodes of a graph. The new nodes are copied, since they may be from the graph."""
    kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(kept)


def name_nodes(graph: onnx.GraphProto) -> None:
    """Name nodes without a unique name after their first output.

    ONNX allows nodes without names, but ONNX Runtime 1.18 to 1.21 derives the names of fused nodes
    from them and rejects the graph if two are equal.
    """
    used: set[str] = set()
    for node in graph.node:
        if not node.name or node.name in used:
            node.name = node.output[0]
        used.add(node.name)


class Nodes:
    """Collects nodes and constants for a graph. Their names begin with `scope`."""

    def __init__(self, scope: str) -> None:
        self._scope = scope
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []
        self._constants: dict[bytes, str] = {}

    def constant(self, values: ArrayLike, dtype: Any = np.float32) -> str:
        """Add a constant and return its name; equal constants are shared."""
        tensor = numpy_helper.from_array(np.asarray(values, dtype))
        key = tensor.SerializeToString()
        if key not in self._constants:
            self._constants[key] = tensor.name = f"{self._scope}/constant_{len(self.tensors)}"
            self.tensors.append(tensor)
        return self._constants[key]

    def shape(self, *sizes: int) -> str:
        """Add a shape, or any list of integers, and return its name."""
        return self.constant(sizes, np.int64)

    def add(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """Add a node and return the name of its output, by default a generated one."""
        name = name or f"{self._scope}/{operator.lower()}_{len(self.nodes)}"
        node = helper.make_node(operator, list(inputs), [name], name, **attributes)
        self.nodes.append(node)
        return name

    def part(self, tensor: str, axis: int, start: int, end: int, step: int = 1) -> str:
        """Add `tensor[start:end:step]` along an axis. A negative `end` means before the start."""
        stop = end if end >= 0 else np.iinfo(np.int64).min
        bounds = (self.shape(n) for n in (start, stop, axis, step))
        return self.add("Slice", tensor, *bounds)
