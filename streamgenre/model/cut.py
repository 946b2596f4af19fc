"""Remove the front end from an ONNX graph, so that overlapping windows share their log-mel frames.

If the log-mel of a model is that of `audio/logmel.py`, the graph has a tensor `logmel` with a known
shape. Its producers are dropped and it becomes an input, which takes the output of that kernel. The
file itself is complete and does not change. The edit works on the Protocol Buffers wire format, so
it does not need the onnx package.
"""

from __future__ import annotations

from collections.abc import Iterable

from .onnxfile import fields

LOGMEL = "logmel"

# Field numbers of onnx.proto3.
_MODEL_GRAPH = 7
_NODE, _INITIALIZER, _INPUT, _OUTPUT, _SHAPE = 1, 5, 11, 12, 13
_NODE_INPUT, _NODE_OUTPUT, _TENSOR_NAME, _VALUE_NAME = 1, 2, 8, 1
_REPLACED = "samples"


def without_front_end(data: bytes) -> bytes | None:
    """The file with the input `logmel` instead of `samples`, or None if it has no such tensor.

    Also None for a damaged graph: ONNX Runtime then reports what is wrong with it.
    """
    try:
        return _without_front_end(data)
    except ValueError:
        return None


def _without_front_end(data: bytes) -> bytes | None:
    parts: list[bytes] = []
    has_graph = False
    for number, payload, start, end in fields(memoryview(data)):
        if number == _MODEL_GRAPH:
            graph = _cut(payload)
            if graph is None:
                return None
            has_graph = True
            parts.append(_field(_MODEL_GRAPH, graph))
        else:
            parts.append(data[start:end])
    return b"".join(parts) if has_graph else None


def _cut(graph: memoryview) -> bytes | None:
    entries = [(number, payload) for number, payload, _, _ in fields(graph)]
    shape = next((p for n, p in entries if n == _SHAPE and _name(p, _VALUE_NAME) == LOGMEL), None)
    if shape is None:
        return None
    wanted = {_name(p, _VALUE_NAME) for n, p in entries if n == _OUTPUT}
    nodes: list[memoryview] = []
    for payload in reversed([p for n, p in entries if n == _NODE]):  # topologically sorted
        if wanted.intersection(_names(payload, _NODE_OUTPUT)):
            nodes.append(payload)
            wanted.update(name for name in _names(payload, _NODE_INPUT) if name != LOGMEL)
    parts = [_field(_NODE, node) for node in reversed(nodes)]
    for number, payload in entries:
        if number == _INITIALIZER and _name(payload, _TENSOR_NAME) not in wanted:
            continue
        if number == _INPUT and _name(payload, _VALUE_NAME) == _REPLACED:
            parts.append(_field(_INPUT, shape))
        elif number in (_INITIALIZER, _INPUT, _OUTPUT, 2):  # 2: the graph's name
            parts.append(_field(number, payload))
    return b"".join(parts)


def _names(message: memoryview, number: int) -> Iterable[str]:
    return [bytes(p).decode() for n, p, _, _ in fields(message) if n == number]


def _name(message: memoryview, number: int) -> str:
    return next(iter(_names(message, number)), "")


def _field(number: int, payload: memoryview | bytes) -> bytes:
    """A length-delimited field."""
    return _varint(number << 3 | 2) + _varint(len(payload)) + bytes(payload)


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
