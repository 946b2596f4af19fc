"""Model files are data: a file that is damaged or made to do harm is refused with one line."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import asdict
from functools import cache

import pytest

onnx = pytest.importorskip("onnx", reason="needs the export extra")

from onnx import TensorProto, helper  # noqa: E402

import streamgenre  # noqa: E402
from streamgenre.errors import ModelFileError  # noqa: E402
from streamgenre.model import onnxfile  # noqa: E402
from streamgenre.model.card import FORMAT, METADATA_KEY, read_card  # noqa: E402

X = helper.make_tensor_value_info("x", TensorProto.FLOAT, [4])
Y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [4])


def graph(*nodes, weights=()):
    nodes = nodes or (helper.make_node("Identity", ["x"], ["y"]),)
    made = helper.make_graph(list(nodes), "g", [X], [Y], list(weights))
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def external(location):
    made = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4])
    made.data_location = TensorProto.EXTERNAL
    made.external_data.add(key="location", value=str(location))
    return made


@cache
def bundled_card() -> dict[str, object]:
    return asdict(streamgenre.load().card)


def with_card(data: bytes, text: str | None = None, **changes) -> bytes:
    """A file with the card of the bundled model and a correct hash."""
    entries = bundled_card() | {
        "format": FORMAT,
        "sha256": hashlib.sha256(data).hexdigest(),
        **changes,
    }
    props = onnx.ModelProto()
    helper.set_model_props(props, {METADATA_KEY: json.dumps(entries) if text is None else text})
    return data + props.SerializeToString()


def key(number: int, kind: int = 2, upper: int = 0) -> bytes:
    return varint((number << 3 | kind) + (upper << 32))


def varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def field(number: int, payload: bytes, upper: int = 0) -> bytes:
    return key(number, 2, upper) + varint(len(payload)) + payload


def with_raw_tensor(raw: bytes) -> bytes:
    """A model whose initializer consists of these bytes."""
    model = graph()
    whole = model.graph.SerializeToString() + field(5, raw)
    model.ClearField("graph")
    return model.SerializeToString() + field(7, whole)


def hidden(upper: int) -> bytes:
    """External data in fields whose keys have bits that ONNX Runtime ignores."""
    entries = external("w.bin").external_data
    named = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4]).SerializeToString()
    parts = [field(13, entry.SerializeToString(), upper) for entry in entries]
    return with_raw_tensor(named + b"".join(parts) + key(14, 0, upper) + b"\1")


def nested(depth: int, weights=()):
    """A graph with `If` nodes inside each other; the innermost has the weights."""
    inner = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])], "inner", [], [Y], list(weights)
    )
    for _ in range(depth):
        node = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
        inner = helper.make_graph([node], "g", [], [Y])
    return graph(*inner.node)


def refused(data: bytes) -> str:
    with pytest.raises(ModelFileError) as caught:
        read_card(data, "m.onnx")
    message = str(caught.value)
    assert message.startswith("m.onnx: ") and "\n" not in message and len(message) < 500
    return message


def test_a_graph_without_fault_passes():
    assert read_card(with_card(graph().SerializeToString()), "m").name == "tfcrnn"
    assert read_card(with_card(nested(2).SerializeToString()), "m").name == "tfcrnn"


@pytest.mark.parametrize("place", ["initializer", "attribute", "list", "subgraph"])
@pytest.mark.parametrize("location", ["weights.bin", "../weights.bin", "/etc/passwd", "C:\\w.bin"])
def test_external_data_is_refused_everywhere(place, location):
    data = external(location)
    constant = helper.make_node("Constant", [], ["y"], value=data)
    listed = helper.make_node("Constant", [], ["y"])
    listed.attribute.add(name="v", type=onnx.AttributeProto.TENSORS).tensors.append(data)
    model = {
        "initializer": lambda: graph(weights=[data]),
        "attribute": lambda: graph(constant),
        "list": lambda: graph(listed),
        "subgraph": lambda: nested(1, [data]),
    }[place]()
    assert "external data" in refused(with_card(model.SerializeToString()))


@pytest.mark.parametrize("upper", [1, 2, 7, 2**31 - 1])
def test_external_data_cannot_be_hidden_from_the_check(upper):
    """Regression: such keys were read as other fields here, but not by ONNX Runtime."""
    assert "invalid field number" in refused(with_card(hidden(upper)))


@pytest.mark.parametrize("location_key", [b"\x70", b"\xf0\x00", b"\xf0\x80\x00"])
def test_the_location_is_read_for_every_spelling_of_its_key(location_key):
    named = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[0]).SerializeToString()
    assert "external data" in refused(with_card(with_raw_tensor(named + location_key + b"\1")))


def test_the_other_format_of_the_runtime_is_refused():
    """A valid ONNX file that ONNX Runtime would read as something else."""
    data = field(2, b"xxORTM") + graph().SerializeToString()
    assert data[4:8] == b"ORTM" and onnx.load_from_string(data).graph.node
    assert "another format" in refused(with_card(data))


@pytest.mark.parametrize("domain", ["com.microsoft", "ai.onnx.ml", "evil\x1b[2J\n"])
def test_other_operators_are_refused(domain):
    node = helper.make_node("Identity", ["x"], ["y"], domain=domain)
    assert "operators of" in refused(with_card(graph(node).SerializeToString()))


def packed(*sizes: int) -> bytes:
    return field(1, b"".join(map(varint, sizes)))


@pytest.mark.parametrize(
    "dimensions",
    [
        packed(2**40),
        packed(2**20, 2**20, 2**20),
        packed(2**63 - 1, 2**63 - 1),
        packed(2**64 - 1),
        key(1, 0) + varint(2**40),
        packed(2**40) + packed(),
        packed(2**20) + packed(2**20),
        packed(*[1] * 1000),
    ],
)
def test_a_tensor_is_not_larger_than_its_data(dimensions):
    raw = dimensions + key(2, 0) + b"\1" + field(8, b"w") + field(9, bytes(16))
    assert "a tensor" in refused(with_card(with_raw_tensor(raw)))


def test_nesting_and_number_of_nodes_are_limited(monkeypatch):
    assert "nested too deeply" in refused(with_card(nested(8).SerializeToString()))
    bundled_card()
    monkeypatch.setattr(onnxfile, "_MOST_NODES", 100)
    node = helper.make_node("Identity", ["x"], ["y"])
    many = helper.make_graph([node] * 60, "many", [], [Y])
    twice = helper.make_node("If", ["c"], ["y"], then_branch=many, else_branch=many)
    assert "more than 100 nodes" in refused(with_card(graph(twice).SerializeToString()))


def test_the_size_of_a_file_is_limited(monkeypatch, tmp_path):
    monkeypatch.setattr("streamgenre.model.card.LARGEST_FILE", 1000)
    assert "exceeds the limit" in refused(bytes(1001))


DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (DEEP, "nested more than"),
        ('{"format": 1, "about": ' + DEEP + "}", "nested more than"),
        ('{"format": 1, "about": ' + '{"a":' * 5000 + "1" + "}" * 5001, "nested more than"),
        ("[" * 10_000, "nested more than"),
        ('{"format": 1, "name": "' + "x" * 5_000_000 + '"}', "longer than"),
        ("1" * 5_000, "invalid"),
        ("[]", "invalid"),
        ("null", "invalid"),
        ('{"format": 1}', "invalid"),
    ],
)  # fmt: skip
def test_the_card_has_a_limited_length_and_depth(text, message):
    assert message in refused(with_card(graph().SerializeToString(), text))


LABEL = {"name": "a", "display": "A", "colour": "#000000"}
HOP = {"seconds": 1.0, "samples": 16_000, "window": 16_000}
HOPS = {"live_hop": 1.0, "file_hop": 1.0}


@pytest.mark.parametrize(
    "changes",
    [
        {"sample_rate": 10**12},
        {"sample_rate": 16_000.0},
        {"sample_rate": True},
        {"sample_rate": 10**4000},
        {"sample_rate": "16000"},
        {"state_size": 10**10},
        {"state_size": -1},
        {"hop_entry": 10**9},
        {"hop_entry": 0.0},
        {"hops": [HOP | {"window": 10**10}], **HOPS},
        {"hops": [HOP | {"seconds": 1e-6, "samples": 0}], **HOPS},
        {"hops": [HOP | {"seconds": 1 / 16_000, "samples": 1}], "live_hop": 1 / 16_000},
        {"hops": [HOP | {"seconds": float("inf")}], **HOPS},
        {"hops": [HOP | {"seconds": float("nan")}], **HOPS},
        {"hops": [HOP | {"seconds": 10**4000}], **HOPS},
        {"hops": [HOP | {"accuracy": {"track": 10**4000}}], **HOPS},
        {"hops": [HOP] * 1000, **HOPS},
        {"labels": []},
        {"labels": [LABEL | {"name": f"{i}"} for i in range(20_000)]},
        {"labels": [LABEL | {"name": "x" * 10_000}]},
        {"labels": [LABEL | {"name": "\x1b]0;owned\x07"}]},
        {"labels": [LABEL | {"display": "a\nb"}]},
        {"labels": [LABEL | {"display": "\ud800"}]},
        {"labels": [LABEL | {"name": ["a"]}]},
        {"labels": [LABEL | {"name": 1}]},
        {"labels": [LABEL | {"colour": 'red;"><script>'}]},
        {"labels": [LABEL | {"command": "rm"}]},
        {"gates": ["x"] * 20_000},
        {"gates": 5},
        {"thresholds": {"unsure": 10**4000}},
        {"name": "\x9b2J"},
        {"about": [1]},
        {"network": "x"},
    ],
    ids=lambda changes: json.dumps(changes)[:60],
)
def test_a_card_out_of_range_is_refused(changes):
    if "thresholds" in changes:
        thresholds = bundled_card()["thresholds"]
        changes = {"thresholds": thresholds | changes["thresholds"]}
    limit = sys.get_int_max_str_digits()
    assert limit  # Python refuses longer integers than 10**4000 by itself
    assert "the model card is invalid" in refused(with_card(graph().SerializeToString(), **changes))


def test_names_in_any_script_are_accepted():
    labels = [LABEL | {"name": name, "display": name} for name in ("ک‌ل", "क्‍ष", "ジャズ", "r&b")]
    card = read_card(with_card(graph().SerializeToString(), labels=labels), "m")
    assert len(card.labels) == 4


@pytest.mark.parametrize("command", [["info"], []], ids=["info", "classify"])
@pytest.mark.parametrize("fault", ["external", "damaged", "deep card"])
def test_the_command_prints_one_line(fault, command, clip, tmp_path):
    """The file that it refers to lies beside the model, and is not read."""
    (tmp_path / "weights.bin").write_bytes(bytes(16))
    data = with_card(graph(weights=[external("weights.bin")]).SerializeToString())
    if fault == "damaged":
        _, good = streamgenre.model.model.read_model(None)
        data = bytearray(good)
        data[len(data) // 2] ^= 1
    elif fault == "deep card":
        data = with_card(graph().SerializeToString(), DEEP)
    file = tmp_path / "m.onnx"
    file.write_bytes(data)
    arguments = [*command, "--model", str(file), *([] if command else [str(clip)])]
    done = subprocess.run(
        [sys.executable, "-m", "streamgenre", *arguments],
        cwd=tmp_path, capture_output=True, text=True, env=os.environ, check=False,
    )  # fmt: skip
    assert done.returncode == 5 and not done.stdout, done.stderr
    assert done.stderr.count("\n") == 1 and "Traceback" not in done.stderr


def test_info_prints_no_control_characters_of_a_card(tmp_path):
    _, data = streamgenre.model.model.read_model(None)
    model = onnx.load_from_string(data)
    entries = json.loads(model.metadata_props[0].value)
    entries["about"]["licence"] = {"name\x1b[31m": "MIT \x1b]0;owned\x07\r\nsecond line"}
    helper.set_model_props(model, {METADATA_KEY: json.dumps(entries)})
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    done = subprocess.run(
        [sys.executable, "-m", "streamgenre", "info", "--model", "m.onnx"],
        cwd=tmp_path, capture_output=True, text=True, env=os.environ, check=True,
    )  # fmt: skip
    assert "second line" in done.stdout
    assert not [c for c in done.stdout if not c.isprintable() and c != "\n"]
