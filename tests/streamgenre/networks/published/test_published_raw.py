"""Published networks on the raw waveform: sizes, learning and export."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="networks need the train extra")
pytest.importorskip("onnx", reason="export needs the train extra")
pytest.importorskip("librosa", reason="artificial tracks need the train extra")

import onnxruntime  # noqa: E402
from support.published import of_kind, sizes, without_dropout  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from streamgenre.model.onnx import INPUTS  # noqa: E402
from streamgenre.networks import build  # noqa: E402
from streamgenre.networks.calibrated import Calibrated  # noqa: E402
from streamgenre.networks.published import allamy, samplecnn_2019  # noqa: E402
from streamgenre.networks.published.samplecnn import block_widths  # noqa: E402
from streamgenre.networks.step import SequenceOptions  # noqa: E402
from training.export.onnx import to_onnx  # noqa: E402
from training.streams.artificial import CHANGES, Change, changed, copies  # noqa: E402

SMALL = [
    {"kind": "samplecnn", "width": 8},
    {"kind": "samplecnn-2019", "width": 8, "length": 13_122, "rate": 16_000},
    {"kind": "samplecnn-2019", "width": 8, "block": "se", "length": 13_122},
    {"kind": "samplecnn-2019", "width": 8, "block": "res-1", "length": 13_122},
    {"kind": "samplecnn-2019", "width": 8, "block": "res-2", "length": 13_122},
    {"kind": "samplecnn-2019", "width": 8, "block": "rese-1", "length": 13_122},
    {"kind": "samplecnn-2019", "width": 8, "block": "rese-2", "multi": True, "length": 13_122},
    {"kind": "allamy", "width": 4},
]
NAMES = ["2017", "2019 basic", "2019 se", "2019 res-1", "2019 res-2", "2019 rese-1",
         "2019 rese-2 multi", "allamy"]  # fmt: skip
LENGTHS = [6561, 2187, 729, 243, 81, 27, 9, 3, 1]  # after each pooling, from 19,683 after the stem


def tracks(network):
    """Eight noisy segments (8, window) of three classes, each with a level and phases of its own.

    The classes are a low tone, noise, and a high tone.
    """
    rng = np.random.default_rng(0)
    time = np.arange(network.window) / 16_000
    labels = np.arange(8) % 3
    made = []
    for i, label in enumerate(labels):
        tone = np.sin(2 * np.pi * (220 + 20 * i if label == 0 else 3_000 + 100 * i) * time)
        noise = rng.standard_normal(len(time))
        sound = noise if label == 1 else tone + 0.1 * noise
        made.append(sound * rng.uniform(0.05, 0.2))
    return torch.tensor(np.array(made)).float(), torch.tensor(labels)


def logits_of(network, windows):
    """Logits (B, C) for windows (B, window), as in training."""
    fresh = torch.ones(len(windows), 1, dtype=torch.bool)
    state = torch.zeros(len(windows), network.state_size)
    found = network.sequence(windows[:, None], fresh, state, SequenceOptions())
    return found.logits[:, 0, 0]


def shapes_on_silence(network, *modules):
    """Output shapes of modules, without the batch, for a silent segment, and the step itself."""
    steps = []
    silence = torch.zeros(1, network.window), torch.zeros(1, 1)
    found = sizes(modules, lambda: steps.append(network.eval()(*silence)))
    return found, *steps


def parameters(description):
    return sum(p.numel() for p in build(description).parameters())


@pytest.mark.parametrize(
    ("classes", "count"), [(8, 1_848_328), (10, 1_849_354), (16, 1_852_432), (50, 1_869_874)]
)
def test_parameter_count_of_2017_matches_the_paper(classes, count):
    assert parameters({"kind": "samplecnn", "classes": classes}) == count


@pytest.mark.parametrize(
    ("block", "single", "multi"),
    [
        ("basic", 1_869_874, 2_683_442),
        ("se", 2_044_498, 2_858_066),
        ("res-1", 2_036_018, 2_849_586),
        ("res-2", 4_107_314, 4_920_882),
        ("rese-1", 2_210_642, 3_024_210),
        ("rese-2", 4_281_938, 5_095_506),
    ],
)
def test_parameter_counts_of_2019_match_the_paper(block, single, multi):
    description = {"kind": "samplecnn-2019", "classes": 50, "block": block}
    assert parameters(description) == single
    assert parameters(description | {"multi": True}) == multi


def test_parameter_count_of_the_residual_network():
    assert parameters({"kind": "allamy", "classes": 10}) == 4_657_802


def test_sizes_of_2017_match_the_paper():
    network = build({"kind": "samplecnn", "classes": 10})
    found, step = shapes_on_silence(network, network.stem, *network.blocks, network.last)
    widths = [128, 128, 256, 256, 256, 256, 256, 256, 512]
    # Each pooling follows its block.
    assert found == [(128, 19683), *zip(widths, [19683, *LENGTHS[:-1]], strict=True), (512, 1)]
    assert step.logits.shape == (1, 10) and step.embedding.shape == (1, 512)


@pytest.mark.parametrize(("multi", "joined"), [(False, 512), (True, 1_024)])
@pytest.mark.parametrize("block", ["basic", "se", "res-1", "res-2", "rese-1", "rese-2"])
def test_sizes_of_2019_match_the_paper(block, multi, joined):
    network = build({"kind": "samplecnn-2019", "classes": 10, "block": block, "multi": multi})
    found, step = shapes_on_silence(network, network.stem, *network.blocks, network.last)
    widths = [128, 128, 256, 256, 256, 256, 256, 256, 512]
    assert found == [(128, 19683), *zip(widths, LENGTHS, strict=True), (joined,)]
    assert step.logits.shape == (1, 10) and step.embedding.shape == (1, joined)


@pytest.mark.parametrize(
    ("block", "convolutions", "widening", "gates"),
    [
        ("basic", 1, 1, False),
        ("se", 1, 1, True),
        ("res-1", 1, 2, False),
        ("res-2", 2, 3, False),
        ("rese-1", 1, 2, True),
        ("rese-2", 2, 3, True),
    ],
)
def test_block_layers_of_2019_match_the_paper(block, convolutions, widening, gates):
    """The shortcut of a widening block is a convolution as well."""
    network = build({"kind": "samplecnn-2019", "classes": 10, "block": block})
    found, _ = shapes_on_silence(
        network, *of_kind(network.blocks, torch.nn.Conv1d, torch.nn.Linear)
    )
    convolved = [(128, 19683), (128, 6561), (256, 2187), (256, 729), (256, 243), (256, 81),
                 (256, 27), (256, 9), (512, 3)]  # fmt: skip
    counts = [convolutions, convolutions, widening, *[convolutions] * 5, widening]
    expected = [shape for shape, n in zip(convolved, counts, strict=True) for _ in range(n)]
    assert [shape for shape in found if len(shape) == 2] == expected
    squeezed = [(16,), (128,)] * 2 + [(32,), (256,)] * 6 + [(64,), (512,)]
    assert [shape for shape in found if len(shape) == 1] == squeezed * gates


def test_sizes_of_the_residual_network_match_the_paper():
    network = build({"kind": "allamy", "classes": 10})
    found, step = shapes_on_silence(network, network.stem, *network.blocks, network.last)
    widths = [128, 256, 256, 256, 256, 256, 256, 512, 512]
    assert found == [(128, 19683), *zip(widths, LENGTHS, strict=True), (512, 1)]
    assert step.embedding.shape == (1, 512) and network.overlap == 0.5


@pytest.mark.parametrize(
    ("length", "blocks", "positions"), [(59_049, 9, 1), (39_366, 8, 2), (22_050, 8, 1)]
)
def test_the_length_of_a_segment_determines_the_number_of_blocks(length, blocks, positions):
    assert len(block_widths(1, length)) == blocks
    network = build({"kind": "samplecnn-2019", "classes": 2, "width": 8, "length": length})
    found, _ = shapes_on_silence(network, network.blocks[-1])
    assert found == [(32, positions)]


def test_initial_weights_of_2019_are_within_the_published_limits():
    network = build({"kind": "samplecnn-2019", "classes": 2, "width": 32, "block": "res-2"})
    largest = [
        m.weight.abs().max().item() for m in (network.stem[0], network.blocks[0].convolved[0])
    ]
    assert largest == pytest.approx([1, (2 / 32**2) ** 0.5], rel=0.05)


def test_gates_of_se_scale_the_block_and_those_of_rese_keep_the_shortcut():
    x = torch.randn(2, 8, 81)
    for kind, left in (("se", torch.zeros(2, 8, 27)), ("rese-2", F.max_pool1d(x.relu(), 3))):
        block = samplecnn_2019.Block(8, 8, kind)
        torch.nn.init.constant_(block.gate.layers[2].bias, -100.0)
        torch.testing.assert_close(block(x), left)


def test_widening_blocks_of_the_residual_network_have_no_shortcut():
    x = torch.randn(2, 8, 81)
    for width, left in ((16, torch.zeros(2, 16, 27)), (8, F.max_pool1d(F.leaky_relu(x), 3))):
        block = allamy.Block(8, width)
        torch.nn.init.zeros_(block.convolved[-1].weight)
        torch.testing.assert_close(block(x), left)


@pytest.mark.parametrize("description", SMALL[1:], ids=NAMES[1:])
def test_samples_are_standardised_with_the_training_data(description):
    network = build(description | {"classes": 2})
    windows = torch.randn(4, network.window) * 0.02 + 0.3
    network.prepare(windows)
    features = network.features(network.resample(windows))
    assert features.std().item() == pytest.approx(1, abs=1e-3)
    assert features.mean().item() == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("description", SMALL, ids=NAMES)
def test_networks_learn_eight_tracks(description):
    torch.manual_seed(0)
    network = build(description | {"classes": 3})
    windows, labels = tracks(network)
    network.prepare(windows)
    optimiser = torch.optim.SGD(network.parameters(), 0.02, momentum=0.9, nesterov=True)
    without_dropout(network, momentum=0.5).train()
    for _ in range(30):
        optimiser.zero_grad()
        F.cross_entropy(logits_of(network, windows), labels).backward()
        optimiser.step()
    with torch.inference_mode():
        assert (logits_of(network.eval(), windows).argmax(1) == labels).all()


@pytest.mark.parametrize("description", SMALL, ids=NAMES)
def test_torch_and_onnx_agree(description):
    torch.manual_seed(0)
    network = build(description | {"classes": 3})
    windows, _ = tracks(network)
    network.prepare(windows)
    with torch.no_grad():
        network.classifier.weight.mul_(5)  # outputs of an untrained network hardly differ
        logits_of(without_dropout(network, momentum=1.0).train(), windows)
    step = Calibrated(network, 1.3).eval()
    session = onnxruntime.InferenceSession(to_onnx(step, network.window).SerializeToString())
    for batch in (windows[:1], windows[1:3]):
        state = torch.zeros(len(batch), 1)
        with torch.inference_mode():
            expected = step(batch, state).probabilities.numpy()
        given = session.run(
            ["probabilities"], dict(zip(INPUTS, (batch.numpy(), state.numpy()), strict=True))
        )[0]
        np.testing.assert_allclose(given, expected, atol=1e-5)
    assert np.abs(expected[0] - expected[1]).max() > 0.01


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("samplecnn", {"classes": 1}),
        ("samplecnn", {"width": 0}),
        ("samplecnn-2019", {"block": "res"}),
        ("samplecnn-2019", {"width": 4}),
        ("samplecnn-2019", {"classes": 1}),
        ("samplecnn-2019", {"length": 242}),
        ("samplecnn-2019", {"rate": 0}),
        ("allamy", {"overlap": 1.0}),
        ("allamy", {"overlap": -0.1}),
        ("allamy", {"width": 0}),
    ],
)
def test_invalid_arguments_are_rejected(kind, wrong):
    with pytest.raises(ValueError, match="must be"):
        build({"kind": kind, "classes": 3} | wrong)


def tone(hertz, seconds=2.0, level=0.5):
    time = np.arange(int(seconds * 16_000)) / 16_000
    return (np.sin(2 * np.pi * hertz * time) * level * 32_767).astype(np.int16)


def pitch(samples):
    """The strongest frequency in Hz, without the ends."""
    middle = samples[4_000:-4_000].astype(float)
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 2**18))
    return spectrum.argmax() * 16_000 / 2**18


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_artificial_tracks_change_pitch_or_length(change):
    copy = changed(tone(1_000), change)
    assert copy.dtype == np.int16
    assert pitch(copy) == pytest.approx(1_000 * 2 ** (change.semitones / 12), rel=2e-3)
    assert len(copy) == pytest.approx(32_000 / change.tempo, abs=1)


def test_artificial_tracks_are_clipped_without_wrap_around(monkeypatch):
    monkeypatch.setattr("librosa.effects.pitch_shift", lambda copy, **_: copy * 4)
    samples = tone(1_000)
    expected = np.clip(samples.astype(int) * 4, -32_768, 32_767)
    assert np.array_equal(changed(samples, Change(2)), expected)


def test_copies_differ_and_are_reproducible():
    samples = tone(1_000)
    made = copies(samples, seed=1, count=len(CHANGES))
    assert len({(round(pitch(c)), len(c)) for c in made}) == len(CHANGES)
    again = copies(samples, seed=1, count=2)
    assert all(np.array_equal(a, b) for a, b in zip(again, made, strict=False))
    orders = {tuple(len(c) for c in copies(samples, seed, count=2)) for seed in range(8)}
    assert len(orders) > 1


def test_copies_of_unsupported_samples_are_rejected():
    with pytest.raises(ValueError, match="int16"):
        copies(np.zeros(100, np.float32), 0, 1)
    with pytest.raises(ValueError, match="int16"):
        copies(np.zeros((100, 2), np.int16), 0, 1)
    with pytest.raises(ValueError, match="count"):
        copies(tone(1_000), 0, len(CHANGES) + 1)
