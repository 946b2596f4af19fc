"""Read the metadata of an ONNX file without the onnx package, and check its graph.

In the Protocol Buffers wire format, each field is a varint key (number << 3 | kind) and a value.
This module reads the metadata and hashes everything else. It rejects graphs that would make ONNX
Runtime read other files (external data), run other operators than those of ONNX, or allocate memory
that has no relation to the size of the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import one_line

LARGEST_FILE = 512 * 2**20
_DEEPEST = 4  # subgraphs inside each other
_MOST_NODES = 100_000
_MOST_DIMENSIONS = 32
_MOST_PER_BYTE = 8  # elements of a tensor; the smallest types have less than a byte
_LONGEST_METADATA = 2**24  # bytes
_STANDARD = ("", "ai.onnx")  # domains of operators
ORT_FORMAT = b"ORTM"  # at byte 4, by which ONNX Runtime recognises its own format

# Field numbers of onnx.proto3.
_MODEL_GRAPH, _MODEL_METADATA, _MODEL_TRAINING, _MODEL_FUNCTIONS = 7, 14, 20, 25
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_SPARSE = 1, 5, 15
_NODE_ATTRIBUTE, _NODE_DOMAIN = 5, 7
_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH, _ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS = 5, 6, 10, 11
_ATTRIBUTE_SPARSE = (22, 23)
_TENSOR_DIMENSIONS, _TENSOR_EXTERNAL_DATA, _TENSOR_LOCATION = 1, 13, 14


@dataclass(frozen=True)
class OnnxFile:
    """Metadata and hash of a model file."""

    metadata: dict[str, str]
    sha256: str
    """Hash of everything except the metadata: graph, weights, versions."""


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("truncated")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def fields(data: memoryview) -> Iterator[tuple[int, memoryview, int, int]]:
    """(number, payload, start, end) of each field; the payload of a varint is empty."""
    at = 0
    while at < len(data):
        start = at
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        # Other parsers ignore the upper bits, and would see another field than this one.
        if not 0 < number < 1 << 29:
            raise ValueError("invalid field number")
        if kind == 0:
            _, end = _varint(data, at)
            payload = data[at:at]
        elif kind in (1, 5):
            end = at + (8 if kind == 1 else 4)
            payload = data[at:end]
        elif kind == 2:
            length, at = _varint(data, at)
            end = at + length
            payload = data[at:end]
        else:
            raise ValueError(f"unsupported wire type {kind}")
        if end > len(data):
            raise ValueError("truncated")
        at = end
        yield number, payload, start, end


def _number(field: memoryview) -> int:
    """The value of a varint field, from its key on."""
    return _varint(field, _varint(field, 0)[1])[0]


def _check_tensor(tensor: memoryview) -> None:
    elements, dimensions = 1, 0
    for number, payload, start, end in fields(tensor):
        located = number == _TENSOR_LOCATION and _number(tensor[start:end]) != 0
        if number == _TENSOR_EXTERNAL_DATA or located:
            raise ValueError("external data")
        if number == _TENSOR_DIMENSIONS:
            single = tensor[start] & 7 == 0  # otherwise packed
            for size in (_number(tensor[start:end]),) if single else _integers(payload):
                elements *= size
                dimensions += 1
                if dimensions > _MOST_DIMENSIONS:
                    raise ValueError("a tensor has too many dimensions")
    if elements > _MOST_PER_BYTE * len(tensor):
        raise ValueError("a tensor is larger than its data")


def _integers(packed: memoryview) -> Iterator[int]:
    at = 0
    while at < len(packed):
        value, at = _varint(packed, at)
        yield value


class _GraphCheck:
    """Raises ValueError for a graph that is not accepted. Counts the nodes of all subgraphs."""

    def __init__(self) -> None:
        self._nodes = 0

    def graph(self, graph: memoryview, depth: int = 0) -> None:
        if depth > _DEEPEST:
            raise ValueError("nested too deeply")
        for number, payload, _, _ in fields(graph):
            if number == _GRAPH_SPARSE:
                raise ValueError("sparse weights")
            if number == _GRAPH_INITIALIZER:
                _check_tensor(payload)
            elif number == _GRAPH_NODE:
                self._node(payload, depth)

    def _node(self, node: memoryview, depth: int) -> None:
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            raise ValueError(f"more than {_MOST_NODES} nodes")
        for number, payload, _, _ in fields(node):
            if number == _NODE_ATTRIBUTE:
                self._attribute(payload, depth)
            elif number == _NODE_DOMAIN and (domain := bytes(payload).decode()) not in _STANDARD:
                raise ValueError(f"operators of {one_line(domain[:80])}")

    def _attribute(self, attribute: memoryview, depth: int) -> None:
        for number, payload, _, _ in fields(attribute):
            if number in _ATTRIBUTE_SPARSE:
                raise ValueError("sparse weights")
            if number in (_ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS):
                _check_tensor(payload)
            elif number in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS):
                self.graph(payload, depth + 1)


def read_onnx(data: bytes) -> OnnxFile:
    """Metadata and hash of a serialized ModelProto. Raises ValueError, which names the problem."""
    if data[4:8] == ORT_FORMAT:
        raise ValueError("ONNX Runtime would read it as another format")
    view = memoryview(data)
    digest = hashlib.sha256()
    metadata: dict[str, str] = {}
    graphs = described = 0
    for number, payload, start, end in fields(view):
        if number == _MODEL_METADATA:
            described += len(payload)
            if described > _LONGEST_METADATA:
                raise ValueError(f"more than {_LONGEST_METADATA >> 20} MB of metadata")
            entry = {n: bytes(value).decode() for n, value, _, _ in fields(payload)}
            metadata[entry.get(1, "")] = entry.get(2, "")
            continue
        if number in (_MODEL_TRAINING, _MODEL_FUNCTIONS):
            raise ValueError("unsupported: local functions or training information")
        digest.update(view[start:end])
        if number == _MODEL_GRAPH:
            graphs += 1
            _GraphCheck().graph(payload)
    if graphs != 1:
        raise ValueError("no graph")
    return OnnxFile(metadata, digest.hexdigest())
