"""Read the metadata of an ONNX file without the onnx package.

In the Protocol Buffers wire format, each field is a varint key (number << 3 | kind) and a value.
This module reads the metadata, hashes everything else, and rejects external data, which would make
ONNX Runtime read other files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

LARGEST_FILE = 512 * 2**20
_DEEPEST = 12

# Field numbers of onnx.proto3.
_MODEL_GRAPH, _MODEL_METADATA, _MODEL_TRAINING, _MODEL_FUNCTIONS = 7, 14, 20, 25
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_SPARSE = 1, 5, 15
_NODE_ATTRIBUTE = 5
_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH, _ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS = 5, 6, 10, 11
_ATTRIBUTE_SPARSE = (22, 23)
_TENSOR_EXTERNAL_DATA, _TENSOR_LOCATION = 13, 14


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


def _refuse_external(tensor: memoryview) -> None:
    for number, _, start, end in fields(tensor):
        located = number == _TENSOR_LOCATION and _varint(tensor[start:end], 1)[0] != 0
        if number == _TENSOR_EXTERNAL_DATA or located:
            raise ValueError("external data")


def _check_graph(graph: memoryview, depth: int = 0) -> None:
    if depth > _DEEPEST:
        raise ValueError("nested too deeply")
    for number, payload, _, _ in fields(graph):
        if number == _GRAPH_SPARSE:
            raise ValueError("sparse weights")
        if number == _GRAPH_INITIALIZER:
            _refuse_external(payload)
        elif number == _GRAPH_NODE:
            for part, attribute, _, _ in fields(payload):
                if part == _NODE_ATTRIBUTE:
                    _check_attribute(attribute, depth)


def _check_attribute(attribute: memoryview, depth: int) -> None:
    for number, payload, _, _ in fields(attribute):
        if number in _ATTRIBUTE_SPARSE:
            raise ValueError("sparse weights")
        if number in (_ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS):
            _refuse_external(payload)
        elif number in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS):
            _check_graph(payload, depth + 1)


def read_onnx(data: bytes) -> OnnxFile:
    """Metadata and hash of a serialized ModelProto. Raises ValueError, which names the problem."""
    view = memoryview(data)
    digest = hashlib.sha256()
    metadata: dict[str, str] = {}
    graphs = 0
    for number, payload, start, end in fields(view):
        if number == _MODEL_METADATA:
            entry = {n: bytes(value).decode() for n, value, _, _ in fields(payload)}
            metadata[entry.get(1, "")] = entry.get(2, "")
            continue
        if number in (_MODEL_TRAINING, _MODEL_FUNCTIONS):
            raise ValueError("unsupported: local functions or training information")
        digest.update(view[start:end])
        if number == _MODEL_GRAPH:
            graphs += 1
            _check_graph(payload)
    if graphs != 1:
        raise ValueError("no graph")
    return OnnxFile(metadata, digest.hexdigest())
