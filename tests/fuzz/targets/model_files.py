"""Model files and embedded packages: ONNX, card and hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from support.tones import CARD

import streamgenre
from fuzz.target import Reader, Target
from streamgenre.model.card import METADATA_KEY, Hop, card_to_json
from streamgenre.model.onnxfile import read_onnx
from streamgenre.package.contents import check_sums, package_card, read_package_card

_LABELS, _STATE, _WINDOW = len(CARD.labels), CARD.state_size, 16_000


def _graph() -> onnx.ModelProto:
    """A step that ignores what it reads."""
    from onnx import TensorProto, helper, numpy_helper

    constants = {
        "even": np.full((1, _LABELS), 1 / _LABELS, np.float32),
        "half": np.full((1,), 0.5, np.float32),
    }
    nodes = [
        helper.make_node("ReduceMean", ["samples"], ["mean"], keepdims=1, axes=[1], name="m"),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"], name="n"),
        helper.make_node("Add", ["nothing", "even"], ["probabilities"], name="p"),
        helper.make_node("Squeeze", ["mean"], ["flat"], axes=[1], name="s"),
        helper.make_node("Mul", ["flat", "zero1"], ["flat0"], name="f"),
        helper.make_node("Add", ["flat0", "half"], ["music"], name="q"),
        helper.make_node("Identity", ["state"], ["next_state"], name="i"),
    ]
    constants |= {"zero": np.zeros((1, 1), np.float32), "zero1": np.zeros((1,), np.float32)}
    floats = TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "step",
        [
            helper.make_tensor_value_info("samples", floats, ["B", "W"]),
            helper.make_tensor_value_info("state", floats, ["B", _STATE]),
        ],
        [
            helper.make_tensor_value_info("probabilities", floats, ["B", _LABELS]),
            helper.make_tensor_value_info("music", floats, ["B"]),
            helper.make_tensor_value_info("next_state", floats, ["B", _STATE]),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=7)


def _card() -> str:
    entries = asdict(CARD)
    digest = read_onnx(_graph().SerializeToString()).sha256
    del entries["sha256"]
    entries |= {"hops": [{"seconds": 0.5, "samples": 8_000, "window": _WINDOW}], "file_hop": 0.5}
    return card_to_json(entries, digest)


def _with_card(card: str) -> bytes:
    model = _graph()
    onnx.helper.set_model_props(model, {METADATA_KEY: card})
    return model.SerializeToString()


def _package() -> dict[str, Any]:
    """A package card that is accepted."""
    outputs = {"probabilities": [1, _LABELS], "music": [1], "next_state": [1, _STATE]}
    card = replace(CARD, hops=(Hop(0.5, 8_000, _WINDOW),), about={"exported_from": "0" * 64})
    steps, memory = 4, 3
    shapes = {
        "samples": ("s16", "int16", [1, steps * 8_000]),
        "probabilities": ("f32", "float32", [steps, 1, _LABELS]),
        "music": ("f32", "float32", [steps, 1]),
        "memory": ("f32", "float32", [steps, 1, memory]),
        "state": ("f32", "float32", [1, _STATE]),
    }
    test = {
        name: {"file": f"test/{name}.{end}", "type": kind, "shape": shape}
        for name, (end, kind, shape) in shapes.items()
    }
    variant = {"file": "model.onnx", "dtype": "fp32", "bytes": 1, "sha256": "0" * 64}
    return {
        **package_card(card, card.hops[0], outputs),
        "variants": [variant],
        "test": {"steps": steps, **test},
    }


def _seeds() -> Mapping[str, bytes]:
    card = _card()
    package = json.dumps(_package()).encode()
    deep = b"[" * 20_000
    sums = b"".join(
        b"%s  %s\n" % (hashlib.sha256(package).hexdigest().encode(), name)
        for name in (b"card.json", b"../card.json", b"model.onnx")
    )
    return {
        "model": b"\0" + _with_card(card),
        "card": b"\1" + card.encode(),
        "graph": b"\2" + _graph().SerializeToString(),
        "package": b"\3" + package,
        "sums": b"\4" + sums,
        "deep-card": b"\1" + deep,
        "deep-package": b"\3" + deep,
    }


def _check(data: bytes, folder: Path) -> None:
    reader = Reader(data)
    kind, rest = reader.number() % 5, reader.rest()
    path = folder / "model.onnx"
    if kind == 3:
        (folder / "card.json").write_bytes(rest)
        read_package_card(folder)
        return
    if kind == 4:
        (folder / "card.json").write_bytes(b"{}")
        (folder / "SHA256SUMS").write_bytes(rest)
        check_sums(folder)
        return
    if kind == 1:
        # Valid UTF-8 with a valid hash: only the content of the card is fuzzed.
        rest = _with_card(rest.decode("utf-8", "replace"))
    elif kind == 2:
        # A valid hash and card for any graph.
        try:
            digest = read_onnx(rest).sha256
        except (ValueError, RecursionError):
            return
        card = json.loads(_card()) | {"sha256": digest}
        rest += _metadata(json.dumps(card))
    path.write_bytes(rest)
    model = streamgenre.load(path)
    stream = model.stream()
    stream.feed(np.zeros(3 * model.card.sample_rate, np.float32), model.card.sample_rate)
    stream.flush()


def _metadata(card: str) -> bytes:
    """The card as serialized metadata of a model, to append to it."""
    model = onnx.ModelProto()
    onnx.helper.set_model_props(model, {METADATA_KEY: card})
    return model.SerializeToString()


TARGET = Target("models", "model files, their cards and graphs, and packages", _seeds, _check)
