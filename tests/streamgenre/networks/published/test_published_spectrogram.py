"""The networks of Bian, Feng and Yu: sizes, inputs, connections and export."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="networks need the train extra")
pytest.importorskip("onnx", reason="export needs the train extra")
librosa = pytest.importorskip("librosa", reason="networks need the train extra")

from support.published import (  # noqa: E402
    assert_exports,
    assert_learns_eight_tracks,
    eight_tracks,
    of_kind,
    sizes,
)

from streamgenre.networks import build  # noqa: E402
from streamgenre.networks.published.bian import Bian  # noqa: E402
from streamgenre.networks.published.bian_densenet import BianDenseNet, DenseLayer  # noqa: E402
from streamgenre.networks.published.feng import ConvolutionBranch, Feng  # noqa: E402
from streamgenre.networks.published.yu import Yu  # noqa: E402

SMALL = [
    {"kind": "bian", "width": 0.125},
    {"kind": "bian-densenet", "growth": 8},
    {"kind": "feng", "width": 0.125},
    {"kind": "feng", "branches": "cnn", "width": 0.25},
    {"kind": "feng", "branches": "rnn", "width": 0.125, "zero_weights": True},
    {"kind": "yu", "attention": "none", "width": 0.125, "zero_weights": True},
    {"kind": "yu", "attention": "serial", "width": 0.125},
    {"kind": "yu", "attention": "linear", "width": 0.125},
    {"kind": "yu", "attention": "cnn", "width": 0.125},
]
NAMES = [" ".join(str(value) for value in description.values()) for description in SMALL]


@pytest.mark.parametrize(
    ("description", "parameters"),
    [
        ({"kind": "bian", "classes": 8}, 1_585_928),
        ({"kind": "bian", "classes": 16}, 1_594_128),
        ({"kind": "bian-densenet", "classes": 8}, 1_807_328),
        ({"kind": "feng", "classes": 8, "branches": "rnn"}, 233_096),
        ({"kind": "feng", "classes": 10, "branches": "rnn"}, 233_610),
        ({"kind": "feng", "classes": 16, "branches": "rnn"}, 235_152),
        ({"kind": "feng", "classes": 10, "branches": "cnn"}, 57_184 + 257 * 10),
        ({"kind": "feng", "classes": 10}, 293_354),
        ({"kind": "yu", "classes": 10, "attention": "none"}, 792_842),
        ({"kind": "yu", "classes": 10, "attention": "none", "width": 2}, 2_372_106),
        ({"kind": "yu", "classes": 10, "attention": "serial"}, 792_842 + 66_048),
        ({"kind": "yu", "classes": 10, "attention": "linear"}, 792_842 + 514),
        ({"kind": "yu", "classes": 10, "attention": "cnn"}, 792_842 + 97_217),
    ],
)
def test_parameter_counts_match_the_published_sizes(description, parameters):
    assert sum(p.numel() for p in build(description).parameters()) == parameters


def test_sizes_of_bian():
    network = Bian(classes=8).eval()
    features = network.features(torch.randn(2, network.resample.length) * 0.1)
    assert features.shape == (2, 128, 128)
    layers = [*network.blocks, network.hidden, network.classifier]
    assert sizes(layers, lambda: network.classify(features)) == [
        (128, 32), (128, 8), (256, 2), (256, 1), (512, 1), (1024,), (8,),
    ]  # fmt: skip
    assert network.overlap == 0.5 and network.embedding_size == 1024


def test_the_densenet_concatenates_and_halves():
    network = BianDenseNet(classes=8).eval()
    features = torch.randn(2, 128, 128)
    shapes = sizes(network.parts, lambda: network.classify(features))
    assert shapes == [
        (384, 128), (192, 64), (448, 64), (224, 32), (480, 32), (240, 16), (496, 16), (248, 8),
        (504, 8),
    ]  # fmt: skip
    layer = DenseLayer(3, 5).eval()
    x = torch.randn(2, 3, 16)
    joined = layer(x)
    assert joined.shape == (2, 8, 16) and (joined[:, 3:] >= 0).all()
    torch.testing.assert_close(joined[:, :3], x)


def test_bian_reads_standardised_decibels():
    network = Bian(classes=3, width=0.1)
    windows = eight_tracks(network.window)[0]
    samples = network.resample(windows)
    expected = librosa.power_to_db(
        librosa.feature.melspectrogram(y=samples.numpy(), sr=22_050, hop_length=512, center=False),
        top_db=None,
    )
    np.testing.assert_allclose(network.features(samples), expected, atol=0.05)
    network.prepare(windows)
    features = network.features(samples)
    assert features.mean().item() == pytest.approx(0, abs=1e-3)
    assert features.std().item() == pytest.approx(1, abs=1e-3)


def test_sizes_of_feng():
    network = Feng(classes=10).eval()
    features = network.features(torch.randn(2, network.resample.length) * 0.1)
    assert features.shape == (2, 128, 512) and network.window == 3 * 16_000
    layers = [*network.cnn, network.rnn.embed, network.rnn, network.classifier]
    assert sizes(layers, lambda: network.classify(features)) == [
        (16, 64, 256), (32, 32, 128), (64, 16, 64), (128, 4, 16), (64, 1, 4),
        (128, 128), (256,), (10,),
    ]  # fmt: skip
    assert network.overlap == 0.5 and network.embedding_size == 512


@pytest.mark.parametrize(
    ("attention", "scored"),
    [
        ("none", []),
        ("serial", [(128, 256), (128, 1)]),
        ("linear", [(128, 1)]),
        ("cnn", [(16, 128, 256), (32, 128, 64), (64, 128, 16), (64, 128, 4), (64, 128, 1),
                 (128, 1)]),
    ],
)  # fmt: skip
def test_sizes_of_yu(attention, scored):
    network = Yu(classes=10, attention=attention).eval()
    features = network.features(torch.randn(2, network.resample.length) * 0.1)
    assert features.shape == (2, 128, 513) and network.window == 3 * 16_000
    scores = of_kind([network.scores or torch.nn.Identity()], torch.nn.MaxPool2d, torch.nn.Linear)
    layers = [network.first, network.second, *scores, network.classifier]
    assert sizes(layers, lambda: network.classify(features)) == [
        (128, 256), (128, 256), *scored, (10,),
    ]  # fmt: skip
    assert network.overlap == 0.5 and network.embedding_size == 256


def test_feng_and_yu_read_the_logarithm_of_the_magnitude():
    samples = np.random.default_rng(0).normal(0, 0.1, (2, 66_150)).astype(np.float32)
    magnitude = np.abs(librosa.stft(samples, n_fft=1_024, hop_length=512, center=False))
    expected = np.log1p(magnitude).transpose(0, 2, 1)
    given = torch.from_numpy(samples)
    np.testing.assert_allclose(Yu(3).features(given), expected, atol=1e-4)
    np.testing.assert_allclose(Feng(3).features(given), expected[:, :, :512], atol=1e-4)


def test_branches_are_concatenated_and_can_be_used_alone():
    both = Feng(classes=3, width=0.25).eval()
    features = torch.rand(2, 128, 512)
    parts = []
    for branch in ("cnn", "rnn"):
        alone = Feng(classes=3, branches=branch, width=0.25).eval()
        own = {k: v for k, v in both.state_dict().items() if k.startswith(branch)}
        alone.load_state_dict(own, strict=False)
        parts.append(alone.classify(features)[1])
    torch.testing.assert_close(both.classify(features)[1], torch.cat(parts, 1))


def test_the_recurrent_branch_returns_the_last_state_of_each_direction():
    branch = Feng(classes=3, branches="rnn").rnn
    features = torch.rand(2, 128, 512)
    pooled = features.unflatten(2, (256, 2)).amax(3)
    outputs = branch.gru(branch.embed(pooled))[0]
    expected = torch.cat([outputs[:, -1, :128], outputs[:, 0, 128:]], 1)
    torch.testing.assert_close(branch(features), expected)


def test_the_convolutions_of_feng_do_not_mix_bins():
    branch = ConvolutionBranch([4] * 5).eval()
    x = torch.rand(1, 1, 128, 512)
    changed = x.clone()
    changed[..., :128] += 1.0  # the first quarter of the bins
    moved = (branch(x) != branch(changed)).flatten(0, 2).any(0)
    assert moved.tolist() == [True, False, False, False]


def yu(attention):
    torch.manual_seed(0)
    network = Yu(classes=3, attention=attention, width=0.25).eval()
    features = torch.rand(2, 128, 513)
    first = network.first(features)[0]
    return network, features, first, first + network.second(first)[0]


def test_yu_uses_the_last_output_of_each_direction_and_a_shortcut():
    network, features, first, outputs = yu("none")
    expected = torch.cat([outputs[:, -1, :32], outputs[:, 0, 32:]], 1)
    torch.testing.assert_close(network.classify(features)[1], expected)
    for parameter in network.second.parameters():
        torch.nn.init.zeros_(parameter)
    expected = torch.cat([first[:, -1, :32], first[:, 0, 32:]], 1)
    torch.testing.assert_close(network.classify(features)[1], expected)


@pytest.mark.parametrize("attention", ["serial", "linear", "cnn"])
def test_attention_with_equal_scores_is_the_mean(attention):
    network, features, _, outputs = yu(attention)
    torch.nn.init.zeros_(network.scores.score.weight)
    torch.testing.assert_close(network.classify(features)[1], outputs.mean(1))


@pytest.mark.parametrize("attention", ["linear", "cnn"])
def test_parallel_attention_reads_the_spectrogram_frame_by_frame(attention):
    network, features, _, _ = yu(attention)
    with torch.no_grad():
        before = network.scores(features)
        features[:, 70] += 1.0
        moved = (network.scores(features) != before).any(0).nonzero()[:, 0].tolist()
    reach = 5 if attention == "cnn" else 0  # five layers of 3 frames
    assert before.shape == (2, 128)
    assert min(moved) >= 70 - reach and max(moved) <= 70 + reach and 70 in moved


def test_attention_selects_the_frame_with_the_highest_score():
    network, features, _, _ = yu("linear")
    with torch.no_grad():
        network.scores.score.weight.zero_()[0, 5] = 100.0
        features[:, :, 5] = 0.0
        features[:, 40, 5] = 1.0
        first = network.first(features)[0]
        outputs = first + network.second(first)[0]
        torch.testing.assert_close(network.classify(features)[1], outputs[:, 40])


def test_serial_attention_reads_the_outputs():
    network, features, _, outputs = yu("serial")
    scores = network.scores
    projected = torch.tanh(outputs @ scores.project[0].weight.T + scores.project[0].bias)
    weights = (projected @ scores.score.weight[0]).softmax(1)
    expected = torch.einsum("bt,bte->be", weights, outputs)
    torch.testing.assert_close(network.classify(features)[1], expected)


def test_recurrent_weights_can_be_initialised_with_zeros():
    for network in (Feng(3, zero_weights=True), Yu(3, zero_weights=True)):
        for name, parameter in network.named_parameters():
            recurrent = ".gru." in f".{name}" or name.startswith(("first.", "second."))
            assert bool(parameter.any()) != recurrent, name


@pytest.mark.parametrize("description", SMALL, ids=NAMES)
def test_networks_learn_eight_tracks(description):
    # Convolutions without normalisation start to learn slowly.
    slow = description.get("branches") == "cnn"
    assert_learns_eight_tracks(description, *((0.01, 100) if slow else (5e-3, 20)))


@pytest.mark.parametrize("description", SMALL, ids=NAMES)
def test_the_exported_network_agrees(description):
    # The file stores equal weights once, and all weights of an untrained GRU here are zeros.
    started = {"zero_weights": False} if "zero_weights" in description else {}
    assert_exports(description | started)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "bian", "width": 0},
        {"kind": "bian", "classes": 0},
        {"kind": "bian-densenet", "growth": 0},
        {"kind": "feng", "branches": "gru"},
        {"kind": "feng", "width": -1},
        {"kind": "feng", "branches": "cnn", "zero_weights": True},
        {"kind": "yu", "attention": "parallel"},
        {"kind": "yu", "width": 0},
    ],
)
def test_invalid_arguments_are_rejected(wrong):
    with pytest.raises(ValueError):
        build({"classes": 3} | wrong)
