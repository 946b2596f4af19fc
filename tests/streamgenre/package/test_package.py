"""The embedded package: the exported step, verification, and host programs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("onnx", reason="needs the `export` extra")

import onnx
from support.paths import EXAMPLES

from streamgenre import load
from streamgenre.audio.mix import mix_to_mono
from streamgenre.audio.resample import Resampler
from streamgenre.cli.main import run as command
from streamgenre.errors import ConfigError, PackageError
from streamgenre.model.card import METADATA_KEY, card_to_json
from streamgenre.model.model import read_model
from streamgenre.model.onnxfile import read_onnx
from streamgenre.model.session import session
from streamgenre.package import verify as verification
from streamgenre.package.contents import (
    CARD,
    SUMS,
    check_sums,
    read_package_card,
    write_json,
    write_sums,
)
from streamgenre.package.export import export_package
from streamgenre.package.frontend import Layout
from streamgenre.package.graph import at_hop, step_graph
from streamgenre.package.nodes import name_nodes
from streamgenre.package.run import Shape, run
from streamgenre.package.weights import rounded, store
from streamgenre.signals import changing_sound

NAME, DATA = read_model(None)


@pytest.fixture(scope="module")
def pcm(music) -> np.ndarray:
    """The music as a host receives it: 16 bits, 16 kHz, mono; not a multiple of the hop."""
    samples, rate = music
    resampler = Resampler(rate, 16_000)
    mono = np.concatenate([resampler.push(mix_to_mono(samples)[0]), resampler.finish()])
    return np.rint(np.clip(mono[:100_700], -1, 1) * 32767).astype("<i2")


@pytest.fixture(scope="module")
def quick(package, tmp_path_factory) -> Path:
    """A folder with one labelled clip, so that an export is fast."""
    folder = tmp_path_factory.mktemp("clips")
    clip = EXAMPLES / "classical-brandenburg-2.ogg"
    shutil.copy(clip, folder)
    return folder


# The step


@pytest.mark.parametrize("seconds", [0.5, 1.25, 2.5])
def test_the_exported_step_matches_the_stream(model, seconds):
    """Frames carried in the state equal those of complete windows, from the first step on."""
    hop = model.card.hop(seconds)
    layout = Layout(hop.samples, hop.window)
    sound = changing_sound(30 * hop.samples, 16_000, 5).astype(np.float32) / np.float32(32768)
    graph = step_graph(at_hop(DATA, model.card, hop), model.card, hop, 1)
    shape = Shape(hop.samples, layout.samples, 1, model.card.state_size + layout.state)
    outputs = run(session(graph.SerializeToString()), shape, sound[None])
    updates = model.stream(seconds).feed(sound, 16_000)
    expected = [list(update.probabilities.values()) for update in updates]
    np.testing.assert_allclose(outputs.probabilities[:, 0], expected, atol=3e-4)
    np.testing.assert_allclose(outputs.music[:, 0], [u.music for u in updates], atol=1e-4)


def test_a_short_hop_reads_few_samples(model):
    hop = model.card.hop(0.5)
    layout = Layout(hop.samples, hop.window)
    assert layout.samples < 1.05 * hop.samples
    assert Layout(hop.window, hop.window).state == 0
    # If a hop is not a multiple of the frame step, no frames are shared.
    assert not Layout(8001, 40_000).shares and not Layout(24_000, 40_000).shares


def test_the_graph_has_standard_operators_and_static_shapes(package):
    model = onnx.load(package / "model.onnx")
    assert {node.domain for node in model.graph.node} == {""}
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]
    for entry in [*model.graph.input, *model.graph.output]:
        assert all(size.dim_value for size in entry.type.tensor_type.shape.dim), entry.name


@pytest.mark.parametrize("file", ["model.onnx", "model.int8.onnx"])
def test_every_node_has_a_unique_name(package, file):
    """ONNX Runtime 1.18 to 1.21 rejects graphs whose fused nodes get the same name."""
    names = [node.name for node in onnx.load(package / file).graph.node]
    assert all(names) and len(set(names)) == len(names)


@pytest.mark.parametrize("file", ["tfcrnn", "tfcrnn-half"])
def test_every_node_of_a_bundled_model_has_a_unique_name(file):
    names = [node.name for node in onnx.load_from_string(read_model(file)[1]).graph.node]
    assert all(names) and len(set(names)) == len(names)


def test_nodes_without_unique_names_are_named():
    nodes = [
        onnx.helper.make_node("Neg", ["x"], ["a"], "first"),
        onnx.helper.make_node("Neg", ["a"], ["b"]),
        onnx.helper.make_node("Neg", ["b"], ["c"], "first"),
    ]
    graph = onnx.helper.make_graph(nodes, "graph", [], [])
    name_nodes(graph)
    assert [node.name for node in graph.node] == ["first", "b", "c"]


def test_a_package_with_nodes_without_names_is_refused(package, tmp_path):
    folder = _copy(package, tmp_path)
    model = onnx.load(folder / "model.onnx")
    model.graph.node[3].name = ""
    entries = json.loads(model.metadata_props[0].value)
    del entries["sha256"], model.metadata_props[:]
    digest = read_onnx(model.SerializeToString()).sha256
    onnx.helper.set_model_props(model, {METADATA_KEY: card_to_json(entries, digest)})
    onnx.save(model, folder / "model.onnx")
    write_sums(folder)
    with pytest.raises(PackageError, match=r"model\.onnx has nodes without unique names"):
        verification.verify(folder)


# Weights


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([5, 6, 8]),
    st.integers(0, 2**32 - 1),
    st.floats(-6, 3),
)
def test_rounding_is_never_worse_than_with_the_full_scale(bits, seed, power):
    values = np.random.default_rng(seed).standard_normal((4, 64)).astype(np.float32) * 10**power
    numbers, scales = rounded(values, bits)
    largest = 2 ** (bits - 1) - 1
    assert np.abs(numbers).max() <= largest
    plain = np.abs(values).max(1, keepdims=True) / largest
    error = np.square(numbers * scales - values).sum(1)
    plainly = np.square(np.rint(values / plain) * plain - values).sum(1)
    assert (error <= plainly * (1 + 1e-5)).all()


@pytest.mark.parametrize("shape", [(768, 888), (96, 384), (16, 256), (384, 64, 1, 1), (3, 512)])
def test_a_runtime_decodes_the_rounded_weights(shape):
    """For 5, 6, 8 and 16 bits, depending on size and kind."""
    weight = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    weight[0] = 0  # a channel from padding
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Add", ["w/weight", "x"], ["y"])],
        "weights",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, list(shape))],
        [onnx.numpy_helper.from_array(weight, "w/weight")],
    )
    plain = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8
    )
    small = store(plain, "int8", "w/")
    onnx.checker.check_model(small, full_check=True)
    assert len(small.SerializeToString()) < 0.6 * len(plain.SerializeToString())
    (given,) = session(small.SerializeToString()).run(["y"], {"x": np.zeros(1, np.float32)})
    assert not given[0].any()
    error = np.sqrt(np.square(given - weight).mean() / np.square(weight).mean())
    assert error < {5: 0.08, 6: 0.04, 8: 0.01, 16: 0.001}[_bits(shape)]
    assert store(plain, "int8", "other/") == store(plain, "fp32", "w/")


def _bits(shape):
    size = int(np.prod(shape))
    if len(shape) == 2:
        return 5 if size >= 150_000 else 6 if size >= 10_000 else 8
    return 8 if size >= 10_000 else 16


# The package


def test_a_package_has_what_a_host_needs(package):
    card = read_package_card(package)
    assert {"model.onnx", "model.int8.onnx", "model.ort"} == {v["file"] for v in card["variants"]}
    assert (package / "model.int8.onnx").stat().st_size < 3_000_000
    assert "Conv" in (package / "model.required_operators.config").read_text()
    assert card["sample_rate"] == 16_000 and card["hop"]["seconds"] == 0.5
    assert len(card["labels"]) == 14 and card["model"]["licence"] == "MIT"
    for variant in card["variants"]:
        assert variant["difference"] <= verification.ALLOWED[variant["dtype"]]
        assert variant["clip_steps"] > 100 and variant["clip_steps_same"] > 0.95
    sums = subprocess.run(
        ["sha256sum", "--check", "--quiet", SUMS], cwd=package, capture_output=True, text=True
    )
    assert sums.returncode == 0, sums.stderr
    for host in ("python", "cpp", "javascript", "web"):
        assert any((package / "examples" / host).iterdir())


def test_an_exported_file_can_be_used_as_a_model(package, model, music):
    """`--model` accepts the file: one hop, the same updates."""
    samples, rate = music
    exported = load(package / "model.onnx")
    assert [hop.seconds for hop in exported.card.hops] == [0.5]
    ours, theirs = (each.stream(0.5).feed(samples, rate) for each in (model, exported))
    assert [u.status for u in ours] == [u.status for u in theirs]
    assert [u.genre for u in ours] == [u.genre for u in theirs]
    for mine, yours in zip(ours, theirs, strict=True):
        assert mine.probabilities == pytest.approx(yours.probabilities, abs=1e-4)


def test_verify_accepts_a_package(package, quick, capfd):
    assert command(["export", "--verify", "--labelled", str(quick), str(package)]) == 0
    shown = capfd.readouterr().out
    assert "model.int8.onnx" in shown and "complete" in shown and "example clips correct" in shown


def _copy(package: Path, folder: Path) -> Path:
    return Path(shutil.copytree(package, folder / "copy"))


@pytest.mark.parametrize(
    "file",
    ["model.onnx", "model.int8.onnx", "model.ort", CARD, SUMS, "test/music.f32", "README.md"],
)
def test_one_flipped_byte_is_refused(package, tmp_path, capfd, file):
    folder = _copy(package, tmp_path)
    data = bytearray((folder / file).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / file).write_bytes(data)
    assert command(["export", "--verify", str(folder)]) == 5
    message = capfd.readouterr().err
    assert (
        "damaged" in message or "missing" in message
    )  # the byte of SHA256SUMS may belong to a name
    assert file in message or file == SUMS


@pytest.mark.parametrize("option", ["--hop=0.5", "--dtype=fp16", "--opset=17", "--batch=2"])
def test_verify_refuses_options_for_export(package, option, capfd):
    assert command(["export", "--verify", option, str(package)]) == 2
    assert "leave out" in capfd.readouterr().err


@pytest.mark.parametrize("file", ["model.onnx", CARD, SUMS, "test/samples.s16"])
def test_a_missing_file_is_refused_by_name(package, tmp_path, capfd, file):
    folder = _copy(package, tmp_path)
    (folder / file).unlink()
    assert command(["export", "--verify", str(folder)]) == 5
    assert f"{file} is missing" in capfd.readouterr().err


def test_a_file_without_a_hash_is_refused(package, tmp_path):
    folder = _copy(package, tmp_path)
    (folder / "extra.onnx").write_bytes(b"x")
    with pytest.raises(PackageError, match=r"extra\.onnx has no hash"):
        check_sums(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda card: card["labels"].reverse(), "labels"),
        (lambda card: card.update(sample_rate=22_050), "sample_rate"),
        (lambda card: card["thresholds"].update(unsure=0.1), "thresholds"),
        (lambda card: card.update(window=8000), "window"),
        (lambda card: card.update(state=1), "test state"),
        (lambda card: card["hop"].update(seconds=1.0), "hop"),
        (lambda card: card["inputs"].update(samples=[1, 1]), "inputs"),
        (lambda card: card["variants"][1].update(sha256="0"), "sha256 of model.int8.onnx"),
        (lambda card: card["variants"][1].update(dtype="int4"), "cannot be read"),
        (lambda card: card["test"].pop("memory"), "cannot be read"),
        (lambda card: card.update(labels=[1, 2]), "cannot be read"),
        (lambda card: card.pop("thresholds"), "thresholds"),
        (lambda card: card["model"].update(sha256="0" * 64), "model"),
        (lambda card: card.pop("labels"), "cannot be read"),
        (lambda card: card.update(format=2), "format version"),
    ],
    ids=[
        "labels",
        "rate",
        "thresholds",
        "window",
        "state",
        "seconds",
        "inputs",
        "hash",
        "dtype",
        "vector",
        "kinds",
        "no thresholds",
        "model",
        "missing",
        "format",
    ],
)
def test_a_card_that_does_not_match_is_refused(package, tmp_path, change, message):
    """The hashes are correct, as if two packages had been mixed."""
    folder = _copy(package, tmp_path)
    card = json.loads((folder / CARD).read_text())
    change(card)
    write_json(folder / CARD, card)
    write_sums(folder)
    with pytest.raises(PackageError, match=message):
        verification.verify(folder)


def test_build_outputs_in_the_examples_are_kept(package, tmp_path):
    folder = _copy(package, tmp_path)
    (folder / "examples" / "javascript" / "node_modules").mkdir()
    (folder / "examples" / "javascript" / "node_modules" / "x.js").write_text("x")
    check_sums(folder)
    with pytest.raises(ConfigError, match=r"node_modules/x\.js"):
        export_package(NAME, DATA, folder)  # it would be lost
    assert (folder / "examples" / "javascript" / "node_modules" / "x.js").exists()


def test_a_link_keeps_pointing_to_the_package(package, tmp_path, quick):
    folder = _copy(package, tmp_path)
    (tmp_path / "current").symlink_to(folder)
    before = (folder / CARD).stat().st_ino
    export_package(NAME, DATA, tmp_path / "current", dtypes=(), labelled=quick)
    assert (tmp_path / "current").is_symlink() and (folder / CARD).stat().st_ino != before


def test_weights_of_another_model_fail_the_test_vector(package, tmp_path, quick):
    """The files are complete and match the card, but compute something else."""
    folder = _copy(package, tmp_path)
    probabilities = np.fromfile(folder / "test/probabilities.f32", "<f4")
    (probabilities[::-1].copy()).tofile(folder / "test/probabilities.f32")
    write_sums(folder)
    with pytest.raises(PackageError, match=r"test vector: model\.onnx differs"):
        verification.verify(folder, quick)


def test_a_package_that_fails_is_not_left_behind(tmp_path, quick, monkeypatch):
    monkeypatch.setitem(verification.ALLOWED, "int8", 1e-9)
    with pytest.raises(PackageError, match=r"model\.int8\.onnx differs"):
        export_package(NAME, DATA, tmp_path / "made", labelled=quick)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_hop_batch_dtype_and_opset_are_options(tmp_path, quick, pcm):
    """Two streams per step, another hop, newer operators, 16 bits; replaces a folder."""
    target = tmp_path / "made"
    target.mkdir()
    card = export_package(NAME, DATA, target, 1.25, 2, ("fp16",), 20, quick)
    assert [v["file"] for v in card["variants"]] == ["model.onnx", "model.fp16.onnx", "model.ort"]
    assert card["inputs"]["samples"] == [2, 20_360] and card["outputs"]["music"] == [2]
    assert onnx.load(target / "model.onnx").opset_import[0].version == 20
    sound = np.zeros((2, 80_000), np.float32)
    sound[1] = pcm[:80_000] / np.float32(32768)
    outputs = run(session(target / "model.onnx"), Shape(20_000, 20_360, 2, card["state"]), sound)
    alone = load().stream(1.25).feed(sound[1], 16_000)
    expected = [list(update.probabilities.values()) for update in alone]
    np.testing.assert_allclose(outputs.probabilities[:, 1], expected, atol=1e-4)
    assert [path.name for path in (target / "examples").iterdir()] == ["python"]
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_only_packages_are_overwritten(tmp_path, capfd):
    (tmp_path / "music.txt").write_text("mine")
    with pytest.raises(ConfigError, match="did not write"):
        export_package(NAME, DATA, tmp_path)
    assert command(["export", str(tmp_path / "music.txt")]) == 2
    assert "choose a folder" in capfd.readouterr().err
    assert command(["export", "--hop", "0.7", str(tmp_path / "new")]) == 2
    assert "2.5, 1.25, 0.5" in capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["music.txt"]


def test_a_target_that_cannot_be_written_is_named(tmp_path, capfd, monkeypatch):
    (tmp_path / "file").write_text("x")
    assert command(["export", str(tmp_path / "file" / "package")]) == 1
    assert "cannot be written" in capfd.readouterr().err
    monkeypatch.chdir(tmp_path)
    assert command(["export", "."]) == 2
    assert "is the current folder" in capfd.readouterr().err


# Hosts


@pytest.mark.parametrize("file", ["model.onnx", "model.int8.onnx"])
def test_the_python_host_matches_the_stream(package, pcm, file):
    host = package / "examples" / "python" / "main.py"
    done = subprocess.run(
        [sys.executable, str(host), str(package), "--model", file],
        input=pcm.tobytes(),
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr.decode()
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    stream = load(package / file).stream()
    expected = [*stream.feed(pcm.astype(np.int16), 16_000), *stream.flush()]
    assert [(u["status"], u["genre"], u["top"]) for u in lines] == [
        (u.status, u.genre, u.top) for u in expected
    ]
    for mine, theirs in zip(lines, expected, strict=True):
        assert mine["time"] == pytest.approx(theirs.time, abs=1e-3)
        assert mine["confidence"] == pytest.approx(theirs.confidence, abs=1e-3)
        assert mine["probabilities"] == pytest.approx(theirs.probabilities, abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "given", "code", "message"),
    [
        (["nowhere"], b"", 5, "is nowhere a package?"),
        (["{package}", "--model", "other.onnx"], b"", 5, "card.json has no entry 'other.onnx'"),
        (["{package}"], b"", 3, "no audio"),
        (["{package}", "--check"], b"", 0, ""),
        (["{package}", "--model", "model.onnx", "--check"], b"", 0, ""),
        (["--help"], b"", 0, ""),
    ],
)
def test_the_python_host_refuses_in_one_line(package, tmp_path, arguments, given, code, message):
    host = package / "examples" / "python" / "main.py"
    words = [word.format(package=package) for word in arguments]
    done = subprocess.run(
        [sys.executable, str(host), *words], cwd=tmp_path, input=given, capture_output=True
    )
    assert done.returncode == code
    text = done.stderr.decode()
    assert message in text and text.count("\n") == bool(message)


def test_a_closed_pipe_ends_the_python_host_quietly(package, pcm):
    host = package / "examples" / "python" / "main.py"
    running = subprocess.Popen(
        [sys.executable, str(host), str(package)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    running.stdout.close()
    _, errors = running.communicate(pcm.tobytes())
    assert running.returncode == 0 and errors == b""
