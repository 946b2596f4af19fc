"""The recurrent networks of Irvin, Chartock, Hollander: sizes, spectrogram, attention, export."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="networks need the train extra")
pytest.importorskip("onnx", reason="export needs the train extra")
signal = pytest.importorskip("scipy.signal", reason="networks need the train extra")

from support.published import assert_exports, assert_learns_eight_tracks  # noqa: E402

from streamgenre.networks import build  # noqa: E402
from streamgenre.networks.published.irvin import Irvin, IrvinTwoLayer, ScipySpectrogram  # noqa: E402

EVERY = [
    {"kind": "irvin", "cell": "rnn"},
    {"kind": "irvin", "cell": "lstm"},
    {"kind": "irvin", "cell": "lstm", "attention": True},
    {"kind": "irvin-two-layer"},
]


@pytest.mark.parametrize(
    ("description", "parameters"),
    list(zip(EVERY, [112_760, 1_269_510, 175_090, 1_412_135], strict=True)),
)
def test_parameter_counts_match_the_published_sizes(description, parameters):
    network = build(description | {"classes": 10})
    assert sum(p.numel() for p in network.parameters()) == parameters


@pytest.mark.parametrize(
    ("description", "size"), list(zip(EVERY, [125, 250, 60, 125], strict=True))
)
def test_five_seconds_are_22_spectra_of_513(description, size):
    network = build(description | {"classes": 10}).eval()
    assert network.window == 5 * 16_000 and network.embedding_size == size
    features = network.features(torch.randn(2, 20_000))
    assert features.shape == (2, 513, 22)
    logits, embedding = network.classify(features)
    assert logits.shape == (2, 10) and embedding.shape == (2, size)


def test_the_two_layer_network_uses_sigmoids():
    _, embedding = IrvinTwoLayer(classes=3).classify(torch.randn(2, 513, 22) * 100)
    assert ((embedding >= 0) & (embedding <= 1)).all() and embedding.std() > 0.3


def test_the_spectrogram_matches_scipy():
    rng = np.random.default_rng(0)
    samples = rng.normal(0.3, 0.1, (2, 20_000)).astype(np.float32)  # with an offset to remove
    _, _, expected = signal.spectrogram(samples, 4_000, nperseg=1_024)
    assert expected.shape == (2, 513, 22)
    spectrogram = ScipySpectrogram()
    given = torch.from_numpy(samples)
    np.testing.assert_allclose(spectrogram(given), expected, rtol=1e-3, atol=1e-12)
    traced = torch.jit.trace(spectrogram, given)  # uses a convolution, as when exported
    np.testing.assert_allclose(traced(given), expected, rtol=1e-3, atol=1e-10)


def test_log_densities_are_standardised_per_bin():
    network = Irvin(classes=3)
    windows = torch.randn(6, network.window) * torch.logspace(-2, 0, 6)[:, None]
    raw = network.features(network.resample(windows))
    densities = network.spectrogram(network.resample(windows))
    torch.testing.assert_close(raw.exp(), densities, rtol=1e-3, atol=2e-10)
    network.prepare(windows)
    bins = network.features(network.resample(windows)).transpose(0, 1).flatten(1)
    torch.testing.assert_close(bins.mean(1), torch.zeros(513), atol=1e-4, rtol=0)
    torch.testing.assert_close(bins.std(1), torch.ones(513), atol=1e-3, rtol=0)


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_the_last_step_of_the_top_layer_is_classified(cell):
    network = Irvin(classes=3, cell=cell, size=8).eval()
    features = torch.randn(2, 513, 22)
    _, final = network.recurrent(features.transpose(1, 2))
    top = final[-1] if cell == "rnn" else final[0][-1]
    torch.testing.assert_close(network.classify(features)[1], top)


def test_attention_weights_depend_on_the_final_cell_state():
    network = Irvin(classes=3, attention=True, size=8).eval()
    features = torch.randn(2, 513, 22)
    outputs, (_, cells) = network.recurrent(features.transpose(1, 2))
    for b in range(2):
        cell = cells[1, b]
        weights = torch.softmax(outputs[b] @ cell, 0)
        context = weights @ outputs[b]
        expected = torch.tanh(network.attention.joined.weight @ torch.cat([context, cell]))
        torch.testing.assert_close(network.classify(features)[1][b], expected)


def test_a_projection_is_optional():
    network = Irvin(classes=3, size=8, projection=16).eval()
    assert network.recurrent.input_size == 16
    assert network.classify(torch.randn(2, 513, 22))[0].shape == (2, 3)


@pytest.mark.parametrize("description", EVERY)
def test_networks_learn_eight_tracks(description):
    assert_learns_eight_tracks(description | {"size": 32}, rate=2e-3)


@pytest.mark.parametrize("description", EVERY)
def test_the_exported_network_agrees(description):
    assert_exports(description | {"size": 16}, atol=1e-3)


@pytest.mark.parametrize(
    "wrong", [{"cell": "gru"}, {"cell": "rnn", "attention": True}, {"size": 0}, {"projection": -1}]
)
def test_invalid_arguments_are_rejected(wrong):
    with pytest.raises(ValueError, match=r"cell must|size must"):
        Irvin(classes=3, **wrong)
    with pytest.raises(ValueError, match="size must"):
        IrvinTwoLayer(classes=3, size=0)
