"""nnet1, nnet2 and the residual networks derived from them: sizes, learning and export."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="networks need the train extra")
pytest.importorskip("onnx", reason="export needs the train extra")

from support.published import assert_exports, assert_learns_eight_tracks  # noqa: E402

from streamgenre.networks import build  # noqa: E402
from streamgenre.networks.published.benito import SEGMENT, WHOLE, Benito  # noqa: E402
from streamgenre.networks.published.zhang import NNet1, NNet2, both_pools  # noqa: E402

EVERY = [
    {"kind": "nnet1", "width": 0.125},
    {"kind": "nnet2", "width": 0.125},
    {"kind": "benito", "inputs": "1d", "width": 0.125},
    {"kind": "benito", "inputs": "2d", "width": 0.125, "activation": "relu"},
    {"kind": "benito", "width": 0.125},
]
LONG_KERNEL = 5_120


def count(network):
    return sum(p.numel() for p in network.parameters())


def sizes(network, features):
    """Output shapes, without the batch, of all convolutions, poolings and linear layers."""
    found = []
    kinds = torch.nn.Conv1d | torch.nn.MaxPool1d | torch.nn.Linear
    for module in network.modules():
        if isinstance(module, kinds):
            module.register_forward_hook(lambda _m, _i, out: found.append(tuple(out.shape[1:])))
    with torch.inference_mode():
        network.eval().classify(features)
    return found


def test_sizes_of_nnet1_match_the_paper():
    network = NNet1(classes=10)
    assert count(network) == 661_360
    features = network.features(torch.randn(2, 66_150))
    assert features.shape == (2, 513, 128)
    assert sizes(network, features) == [
        (128, 125), (128, 62), (128, 59), (128, 29), (256, 26), (300,), (150,), (10,),
    ]  # fmt: skip


def test_sizes_of_nnet2_match_the_paper():
    network = NNet2(classes=10)
    assert count(network) == 1_252_464
    assert sizes(network, torch.randn(2, 513, 128)) == [
        (256, 125), (256, 126), (256, 125), (300,), (150,), (10,),
    ]  # fmt: skip
    assert network.window == 3 * 16_000 and network.overlap == 0.5


def test_nnet_reads_standardised_logarithms():
    network = NNet2(classes=3, width=0.1)
    samples = torch.randn(4, 66_150)
    frame = samples[0, 512 : 512 + 1_024].numpy() * np.hanning(1_025)[:-1]
    found = network.features(samples)[0, :, 1].numpy()
    np.testing.assert_allclose(found, np.log1p(np.abs(np.fft.rfft(frame))), atol=1e-3)
    windows = torch.randn(6, network.window)
    network.prepare(windows)
    bins = network.features(network.resample(windows)).transpose(0, 1).flatten(1)
    torch.testing.assert_close(bins.mean(1), torch.zeros(513), atol=1e-4, rtol=0)
    torch.testing.assert_close(bins.std(1)[:350], torch.ones(350), atol=1e-3, rtol=0)
    assert bins.std(1)[500:].max() < 0.5  # there is no energy above 8 kHz to amplify


def test_pooling_is_maximum_and_mean():
    x = torch.tensor([[[1.0, 2.0, 6.0], [-3.0, -1.0, 1.0]]])
    assert both_pools(x).tolist() == [[6.0, 1.0, 3.0, -1.0]]


@pytest.mark.parametrize("kind", ["nnet2", "benito"])
def test_the_first_layer_is_added_to_the_third(kind):
    network = build({"kind": kind, "classes": 3, "width": 0.1}).eval()
    residual = network.body[1] if kind == "nnet2" else network.residual
    x = torch.randn(2, residual.first[0].num_features, 125)
    alone = both_pools(residual.activation(residual.first(x)))
    assert not torch.allclose(residual(x), alone)
    torch.nn.init.zeros_(residual.rest[-1].weight)
    # As published, ELU is applied to the sum again.
    torch.testing.assert_close(residual(x), both_pools(residual.activation(residual.first(x))))


@pytest.mark.parametrize(
    ("inputs", "kernel", "parameters"),
    [
        ("2d", 3_072, 1_776_450),
        ("1d", 3_072, 1_513_282),
        ("1d", LONG_KERNEL, 2_037_570),
        ("both", 3_072, 1_644_866),
        ("both", LONG_KERNEL, 1_907_010),
    ],
)
def test_sizes_of_benito_match_the_report(inputs, kernel, parameters):
    each = 128 if inputs == "both" else 256
    for whole, length, steps in [(True, WHOLE, 974), (False, SEGMENT, 125)]:
        network = Benito(8, inputs, whole, kernel=kernel)
        assert count(network) == parameters
        found = sizes(network, network.features(torch.randn(1, length)))
        first = [(each, steps)] * (256 // each)
        assert found == [*first, (256, steps + 1), (256, steps), (300,), (150,), (8,)]


def test_inputs_of_benito_match_the_report():
    whole, segment = Benito(8, "2d", whole=True), Benito(8, "2d")
    assert whole.window / 16_000 == pytest.approx(22.7, abs=0.05) and whole.overlap == 0
    assert whole.features(torch.zeros(1, WHOLE)).shape == (1, 1_025 * 977)
    assert segment.window / 16_000 == pytest.approx(2.97) and segment.overlap == 0.5
    samples = torch.randn(1, SEGMENT)
    found = segment.features(samples)
    assert found.shape == (1, 1_025 * 128)
    frame = samples[0, :2_048].numpy() * np.hanning(2_049)[:-1]  # the second frame, centred at 1024
    expected = np.abs(np.fft.rfft(frame))
    np.testing.assert_allclose(found.view(1_025, 128)[:, 1], expected, atol=1e-3)
    step = segment.window * (1 - segment.overlap)
    assert 1 + (whole.window - segment.window) // step == 14


def test_waveform_and_spectrum_of_a_step_cover_the_same_interval():
    network = Benito(8, kernel=LONG_KERNEL, width=0.1).eval()
    plain, changed = torch.zeros(1, SEGMENT), torch.zeros(1, SEGMENT)
    changed[0, 50_000] = 1.0
    outputs = []
    for layer in (network.wave, network.spectrum):
        layer.register_forward_hook(lambda _m, _i, out: outputs.append(out.detach()))
    for samples in (plain, changed):
        network.classify(network.features(samples))
    touched = [(outputs[i] != outputs[i + 2]).any(1)[0].nonzero()[:, 0].tolist() for i in (0, 1)]
    assert touched[0] == touched[1] == [45, 46, 47, 48, 49]


@pytest.mark.parametrize("description", EVERY)
def test_networks_learn_eight_tracks(description):
    assert_learns_eight_tracks(description)


@pytest.mark.parametrize("description", [EVERY[0], EVERY[1], EVERY[4]])
def test_the_exported_network_agrees(description):
    assert_exports(description)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "nnet1", "width": 0},
        {"kind": "nnet2", "dropout": 1.0},
        {"kind": "benito", "inputs": "3d"},
        {"kind": "benito", "activation": "tanh"},
        {"kind": "benito", "kernel": 2_900},
        {"kind": "benito", "kernel": 2_600, "whole": True},
        {"kind": "benito", "dropout": -0.1},
    ],
)
def test_invalid_arguments_are_rejected(wrong):
    with pytest.raises(ValueError, match=r"kernel|dropout|width|inputs"):
        build(wrong | {"classes": 8})
