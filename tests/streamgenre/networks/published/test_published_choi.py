"""The four networks of Choi et al.: widths, maps, parameter counts, learning and export."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="networks need the train extra")
pytest.importorskip("onnx", reason="export needs the train extra")
pytest.importorskip("librosa", reason="mel filters need the train extra")

from support.published import of_kind, sizes  # noqa: E402

from streamgenre.model.card import Thresholds, read_card  # noqa: E402
from streamgenre.model.onnx import OnnxEngine  # noqa: E402
from streamgenre.networks import build  # noqa: E402
from streamgenre.networks.calibrated import Calibrated  # noqa: E402
from streamgenre.networks.published.choi import (  # noqa: E402
    LENGTH,
    RATE,
    WIDTHS,
    AcrossBands,
    Choi,
    decibels,
    parameters,
    scaled_widths,
)
from training.card import Calibration, make_card  # noqa: E402
from training.export.onnx import export, parity  # noqa: E402

COUNTS = {
    "k1c2": {0.1: 95_732, 0.25: 232_747, 0.5: 457_424, 1: 944_443, 3: 2_773_031},
    "k2c1": {0.1: 97_357, 0.25: 246_330, 0.5: 503_636, 1: 1_001_770, 3: 2_981_667},
    "k2c2": {0.1: 97_014, 0.25: 246_289, 0.5: 497_512, 1: 1_004_020, 3: 3_046_359},
    "crnn": {0.1: 97_502, 0.25: 242_555, 0.5: 497_757, 1: 1_001_135, 3: 3_028_918},
}
"""Parameter counts for fifty tags, including 192 parameters of the input normalisation."""

LAYERS = {
    "k1c2": [(15, 96, 341), (15, 96, 68), (30, 96, 8), (30, 96, 1), (30,), (30,), (50,)],
    "k2c1": [(43, 1, 341), (43, 1, 85), (43, 1, 21), (87, 1, 5), (87, 1, 1), (87,), (87,), (50,)],
    "k2c2": [(20, 48, 341), (41, 24, 85), (41, 12, 21), (62, 4, 4), (83, 1, 1), (50,)],
    "crnn": [(30, 48, 720), (60, 16, 240), (60, 4, 60), (60, 1, 15), (15, 30), (50,)],
}
"""Shapes with 0.1 million parameters: pooled maps, upper GRU, dense layers, fifty tags."""


def tiny(net, classes=3, **arguments):
    torch.manual_seed(0)
    return Choi(classes, net, 0.1, scale=0.2, **arguments)


@pytest.mark.parametrize("net", WIDTHS)
def test_parameter_counts_match_the_published_widths(net):
    for budget, count in COUNTS[net].items():
        assert parameters(net, WIDTHS[net][budget]) == count
        assert count == pytest.approx(budget * 1e6, rel=0.09)
    network = Choi(50, net, 0.1)
    assert sum(p.numel() for p in network.parameters()) == COUNTS[net][0.1]


@pytest.mark.parametrize("net", WIDTHS)
def test_layers_match_the_paper(net):
    network = Choi(50, net, 0.1).eval()
    features = network.features(torch.randn(2, LENGTH))
    assert features.shape == (2, 96, 1366)
    layers = [
        *network.layers.convolutions,
        *of_kind([network.layers], torch.nn.GRU, torch.nn.Linear),
    ]
    assert sizes(layers, lambda: network.classify(features)) == LAYERS[net]
    assert network.embedding_size == network.layers.classifier.in_features


def test_kernels_over_all_bands_equal_a_convolution():
    layer = AcrossBands(1, 5, (96, 4))
    plain = torch.nn.Conv2d(1, 5, (96, 4))
    plain.load_state_dict(layer.state_dict())
    maps = torch.randn(2, 1, 96, 30)
    torch.testing.assert_close(layer(maps), plain(maps), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("net", WIDTHS)
def test_scaled_widths_have_a_common_factor(net):
    for budget, widths in WIDTHS[net].items():
        assert scaled_widths(net, COUNTS[net][budget]) == widths
    found = scaled_widths(net, 180_000, classes=8)
    assert parameters(net, found, 8) == pytest.approx(180_000, rel=0.03)
    factors = np.array(found) / np.array(WIDTHS[net][1])
    assert factors.max() / factors.min() < 1.05
    network = Choi(8, net, 0.18)
    assert sum(p.numel() for p in network.parameters()) == parameters(net, found, 8)


def test_the_input_is_decibels_with_a_range_of_80():
    power = torch.tensor([[[1.0, 1e-3, 0.0]], [[0.0, 0.0, 0.0]]])
    expected = torch.tensor([[[0.0, -30.0, -80.0]], [[-100.0, -100.0, -100.0]]])
    torch.testing.assert_close(decibels(power), expected)
    tone = 0.5 * torch.sin(2 * torch.pi * 1000 * torch.arange(LENGTH) / RATE)[None]
    found = tiny("crnn").features(tone)[0, :, 700]
    librosa = pytest.importorskip("librosa")
    middles = librosa.mel_frequencies(98, fmax=RATE / 2)[1:-1]
    assert int(found.argmax()) == np.abs(middles - 1000).argmin()


@pytest.mark.parametrize(
    ("net", "frames", "rate"),
    [("k1c2", 1366, 5e-3), ("k2c1", 1366, 0.02), ("k2c2", 1366, 0.02), ("crnn", 310, 0.02)],
)
def test_it_learns_eight_tracks(net, frames, rate):
    """The GRU network accepts any number of frames; fewer are faster."""
    network = tiny(net, dropout=(0.0, 0.0))
    rng = np.random.default_rng(0)
    time = np.arange(network.window) / 16_000
    truth = torch.arange(8) % 3
    tones = [np.sin(2 * np.pi * (200 + 900 * int(k)) * time) for k in truth]
    mixed = [0.1 * tone + 0.1 * rng.standard_normal(network.window) for tone in tones]
    samples = torch.tensor(np.stack(mixed), dtype=torch.float32)
    with torch.no_grad():
        features = network.features(network.resample(samples))[:, :, :frames]
    optimizer = torch.optim.Adam(network.parameters(), rate)
    for _ in range(20):
        logits, _ = network.classify(features)
        if (logits.argmax(1) == truth).all():
            break
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(logits, truth).backward()
        optimizer.step()
    assert (logits.argmax(1) == truth).all()


def test_gru_weights_can_be_initialised_with_zeros():
    network = tiny("crnn", zero_weights=True)
    assert not any(p.any() for p in network.layers.gru.parameters())
    assert any(p.any() for p in tiny("crnn").layers.gru.parameters())
    with pytest.raises(ValueError, match="no GRU"):
        tiny("k2c2", zero_weights=True)


def test_dropout_is_the_published_one_by_default():
    def rates(network):
        return {m.p for m in network.modules() if isinstance(m, torch.nn.Dropout)} - {0.0}

    assert rates(tiny("crnn")) == {0.1, 0.3}
    assert rates(tiny("k1c2")) == rates(tiny("k2c1")) == {0.5}
    assert rates(tiny("k2c2")) == set()
    assert rates(tiny("k2c2", dropout=(0.2, 0.4))) == {0.2}


@pytest.mark.parametrize("net", ["k1c2", "crnn"])
def test_onnx_agrees_with_torch(net, tmp_path, monkeypatch):
    monkeypatch.setattr("training.export.onnx.PARITY_STEPS", 2)
    description = {"kind": "choi", "classes": 3, "net": net, "budget": 0.1, "scale": 0.2}
    torch.manual_seed(0)
    network = build(description).eval()
    calibration = Calibration(1.0, Thresholds(0.3, 0.3, -70.0, 0.1, 2.0))
    hop = network.window / 16_000
    card = make_card(network, description, ["a", "b", "c"], [hop], calibration)
    export(network, calibration, card, tmp_path / "m.onnx")
    data = (tmp_path / "m.onnx").read_bytes()
    engine = OnnxEngine(data, read_card(data, "m"))
    assert parity(Calibrated(network), engine, network.window, steps=1) < 1e-4
    two = (np.random.default_rng(0).standard_normal((2, network.window)) * 0.1).astype(np.float32)
    state = np.zeros((2, 1), np.float32)
    with torch.inference_mode():
        expected = Calibrated(network)(torch.from_numpy(two), torch.from_numpy(state))
    found = engine.step(two, state)
    np.testing.assert_allclose(found.probabilities, expected.probabilities.numpy(), atol=1e-4)
    assert np.abs(found.probabilities[0] - found.probabilities[1]).max() > 1e-6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classes": 1}, "classes must"),
        ({"classes": 3, "net": "k3"}, "k1c2, k2c1, k2c2, crnn"),
        ({"classes": 3, "budget": 1e-5}, "cannot be reduced to 10"),
        ({"classes": 3, "scale": 0.0}, "must be positive"),
        ({"classes": 3, "dropout": (1.5, 0.0)}, "dropout"),
    ],
)
def test_invalid_arguments_are_rejected(arguments, message):
    with pytest.raises(ValueError, match=message):
        Choi(**arguments)
