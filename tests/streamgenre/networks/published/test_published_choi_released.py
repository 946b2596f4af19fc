"""The tagger that Choi released: parameter count, layout of the weights and tags."""

from __future__ import annotations

import os

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="networks need the train extra")
pytest.importorskip("onnx", reason="export needs the train extra")
pytest.importorskip("librosa", reason="mel filters need the train extra")

from streamgenre.errors import ModelFileError  # noqa: E402
from streamgenre.networks import build  # noqa: E402
from streamgenre.networks.calibrated import Calibrated  # noqa: E402
from streamgenre.networks.published.choi import LENGTH, RATE  # noqa: E402
from streamgenre.networks.published.choi_released import TAGS, ChoiReleased, KerasGRU  # noqa: E402
from training.export.onnx import to_onnx  # noqa: E402

WEIGHTS = os.environ.get("STREAMGENRE_CHOI_WEIGHTS")

LIKELIEST = {
    "sweep": {
        "Hip-Hop": 0.2207,
        "rock": 0.1320,
        "electronic": 0.0750,
        "alternative": 0.0693,
        "pop": 0.0441,
        "rnb": 0.0415,
    },
    "clip": {
        "jazz": 0.2732,
        "instrumental": 0.0867,
        "rock": 0.0711,
        "electronic": 0.0617,
        "guitar": 0.0564,
        "folk": 0.0495,
    },
}
"""Results of another implementation with the released weights for the same 349,440 samples."""


def layout(classes=50):
    """Names and shapes in the published file, one group per layer."""
    shapes = {"bn_0_freq": (1440,), "output_W": (32, classes), "output_b": (classes,)}
    inputs = 1
    for number, outputs in enumerate((64, 128, 128, 128), 1):
        shapes |= {f"conv{number}_W": (outputs, inputs, 3, 3), f"conv{number}_b": (outputs,)}
        shapes |= {f"bn{number}": (outputs,)}
        inputs = outputs
    for number, inputs in enumerate((128, 32), 1):
        for gate in "zrh":
            shapes |= {f"gru{number}_W_{gate}": (inputs, 32), f"gru{number}_U_{gate}": (32, 32)}
            shapes |= {f"gru{number}_b_{gate}": (32,)}
    found = {}
    for name, shape in shapes.items():
        if name.startswith("bn"):
            for part in ("gamma", "beta", "running_mean", "running_std"):
                found[name, f"{name}_{part}"] = shape
        else:
            found[name.split("_")[0], name] = shape
    return found


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A file of random weights in the published layout, and the weights."""
    h5py = pytest.importorskip("h5py", reason="the published weights are HDF5")
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("choi") / "weights.h5"
    weights = {}
    with h5py.File(path, "w") as file:
        for (layer, name), shape in layout().items():
            values = rng.standard_normal(shape) * 0.2
            weights[name] = (abs(values) + 0.1 if name.endswith("std") else values).astype("f4")
            file.require_group(layer).create_dataset(name, data=weights[name])
    return path, weights


@pytest.fixture(scope="module")
def loaded(written):
    network = ChoiReleased().eval()
    network.load_released(written[0])
    return network


def test_parameter_count_and_maps_match_the_released_network():
    network = build({"kind": "choi-released", "classes": 50}).eval()
    assert sum(p.numel() for p in network.parameters()) == 396_786
    assert len(set(TAGS)) == 50
    shapes = []
    for block in network.convolutions:
        block.register_forward_hook(lambda _m, _i, out: shapes.append(tuple(out.shape[1:])))
    with torch.inference_mode():
        features = network.features(torch.randn(1, LENGTH))
        logits, embedding = network.classify(features)
    assert features.shape == (1, 96, 1366)
    assert shapes == [(64, 48, 720), (128, 16, 240), (128, 4, 60), (128, 1, 15)]
    assert logits.shape == (1, 50) and embedding.shape == (1, 32)
    with pytest.raises(ValueError, match="classes must"):
        ChoiReleased(1)


def test_every_weight_of_the_file_is_loaded(written, loaded):
    """Compared with explicit definitions of the layers."""
    signal = pytest.importorskip("scipy.signal")
    _, weights = written
    rng = np.random.default_rng(1)
    image = rng.standard_normal((2, 9, 11)).astype("f4")
    block = loaded.convolutions[1]
    wide = np.zeros((1, 64, 9, 11), "f4")
    wide[0, :2] = image
    with torch.inference_mode():
        found = block[1](block[0](torch.from_numpy(wide)))[0, 5].numpy()
    kernels = weights["conv2_W"][5]
    expected = sum(signal.convolve2d(image[i], kernels[i], "same") for i in range(2))
    expected += weights["conv2_b"][5] - weights["bn2_running_mean"][5]
    expected /= np.sqrt(weights["bn2_running_std"][5]) + 1e-5
    expected = expected * weights["bn2_gamma"][5] + weights["bn2_beta"][5]
    np.testing.assert_allclose(found, expected, atol=1e-4)

    frames = rng.standard_normal((1, 1440, 96)).astype("f4")
    with torch.inference_mode():
        found = loaded.normalise(torch.from_numpy(frames)).numpy()
    about = [weights[f"bn_0_freq_{part}"][:, None] for part in ("running_mean", "running_std")]
    expected = (frames - about[0]) / (np.sqrt(about[1]) + 1e-5)
    expected *= weights["bn_0_freq_gamma"][:, None]
    expected += weights["bn_0_freq_beta"][:, None]
    np.testing.assert_allclose(found, expected, atol=1e-3)

    vector = rng.standard_normal((1, 32)).astype("f4")
    with torch.inference_mode():
        found = loaded.classifier(torch.from_numpy(vector)).numpy()
    np.testing.assert_allclose(found, vector @ weights["output_W"] + weights["output_b"], atol=1e-4)


@pytest.mark.parametrize("number", [1, 2])
def test_the_gru_matches_keras_1(written, loaded, number):
    weights = {k[5:]: v for k, v in written[1].items() if k.startswith(f"gru{number}")}
    gru = loaded.grus[number - 1]
    assert isinstance(gru, KerasGRU)
    x = np.random.default_rng(2).standard_normal((2, 6, len(weights["W_z"]))).astype("f4")
    h, states = np.zeros((2, 32)), []

    def gate(name, now, before):
        inside = now @ weights[f"W_{name}"] + before @ weights[f"U_{name}"] + weights[f"b_{name}"]
        return np.tanh(inside) if name == "h" else np.clip(0.2 * inside + 0.5, 0, 1)

    for t in range(6):
        update, reset = gate("z", x[:, t], h), gate("r", x[:, t], h)
        h = update * h + (1 - update) * gate("h", x[:, t], reset * h)
        states.append(h)
    with torch.inference_mode():
        np.testing.assert_allclose(gru(torch.from_numpy(x)), np.stack(states, 1), atol=1e-5)


def test_other_files_are_rejected(tmp_path, written):
    h5py = pytest.importorskip("h5py")
    network = ChoiReleased()
    (tmp_path / "text.h5").write_text("no HDF5")
    with h5py.File(tmp_path / "empty.h5", "w"):
        pass
    for name in ("absent.h5", "text.h5", "empty.h5"):
        with pytest.raises(ModelFileError, match=r"use music_tagger_crnn_weights_theano\.h5"):
            network.load_released(tmp_path / name)
    with pytest.raises(ModelFileError, match="does not contain"):
        ChoiReleased(8).load_released(written[0])


def test_onnx_agrees_with_torch(loaded):
    step = Calibrated(loaded)
    graph = to_onnx(step, loaded.window).SerializeToString()
    import onnxruntime

    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    samples = (np.random.default_rng(0).standard_normal((2, loaded.window)) * 0.1).astype("f4")
    state = np.zeros((2, 1), "f4")
    with torch.inference_mode():
        expected = step(torch.from_numpy(samples), torch.from_numpy(state)).probabilities
    for streams in (1, 2):
        inputs = {"samples": samples[:streams], "state": state[:streams]}
        (found,) = session.run(["probabilities"], inputs)
        np.testing.assert_allclose(found, expected[:streams], atol=1e-4)


def sweep():
    """Repeated sweeps from 50 Hz to 5 kHz, with noise."""
    time = np.arange(LENGTH) / RATE
    hiss = np.random.default_rng(0).standard_normal(LENGTH)
    return 0.3 * np.sin(2 * np.pi * 50 * 100 ** (time % 1.0) * time) + 0.02 * hiss


def clip_at_12_khz(clip):
    import soundfile
    import soxr

    samples, rate = soundfile.read(clip, dtype="float32", always_2d=True)
    return np.resize(soxr.resample(samples.mean(1), rate, RATE), LENGTH)


@pytest.mark.skipif(
    not WEIGHTS, reason="STREAMGENRE_CHOI_WEIGHTS does not name the released weights"
)
@pytest.mark.parametrize("sound", ["sweep", "clip"])
def test_tags_agree_with_another_implementation(sound, clip):
    samples = sweep() if sound == "sweep" else clip_at_12_khz(clip)
    network = ChoiReleased().eval()
    network.load_released(WEIGHTS)
    with torch.inference_mode():
        features = network.features(torch.tensor(samples[None], dtype=torch.float32))
        found = torch.sigmoid(network.classify(features)[0])[0]
    for tag, probability in LIKELIEST[sound].items():
        assert float(found[TAGS.index(tag)]) == pytest.approx(probability, abs=1e-3), tag
    highest = {TAGS[i] for i in found.topk(len(LIKELIEST[sound])).indices}
    assert highest == set(LIKELIEST[sound])


@pytest.mark.parametrize("kind", ["external", "virtual", "huge"])
def test_a_file_that_refers_to_others_or_is_huge_is_refused(written, tmp_path, kind):
    """HDF5 can store arrays in other files, and compress gigabytes to kilobytes."""
    import h5py

    from streamgenre.errors import ModelFileError

    secret = tmp_path / "secret"
    secret.write_bytes(bytes(4 * 10))
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        if kind == "external":
            file.create_dataset("output_b", (10,), "f4", external=[(str(secret), 0, 40)])
        elif kind == "virtual":
            layout = h5py.VirtualLayout((10,), "f4")
            layout[:] = h5py.VirtualSource(str(secret), "x", (10,))
            file.create_virtual_dataset("output_b", layout)
        else:
            file.create_dataset("output_b", (2**30,), "f4", chunks=(2**20,), compression="gzip")
    with pytest.raises(ModelFileError, match=r"refers to other files|too large"):
        ChoiReleased().load_released(path)


def test_a_damaged_file_of_the_published_name_is_refused(written, tmp_path):
    from streamgenre.errors import ModelFileError

    path = tmp_path / "music_tagger_crnn_weights_theano.h5"
    path.write_bytes(written[0].read_bytes())
    with pytest.raises(ModelFileError, match="its hash differs from the published one"):
        ChoiReleased().load_released(path)
