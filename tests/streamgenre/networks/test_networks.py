"""The networks match the papers, run step by step, and can be exported."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="networks need the train extra")
pytest.importorskip("onnx", reason="export needs the train extra")

from support.published import of_kind, sizes  # noqa: E402

from streamgenre.errors import ModelFileError  # noqa: E402
from streamgenre.model.card import METADATA_KEY, Thresholds, card_to_json, read_card  # noqa: E402
from streamgenre.model.model import load, read_model  # noqa: E402
from streamgenre.model.onnx import OnnxEngine  # noqa: E402
from streamgenre.model.onnxfile import read_onnx  # noqa: E402
from streamgenre.model.torch import TorchEngine  # noqa: E402
from streamgenre.networks import build  # noqa: E402
from streamgenre.networks.calibrated import Calibrated  # noqa: E402
from streamgenre.networks.gru import GRUCell  # noqa: E402
from streamgenre.networks.logmel import LogMel  # noqa: E402
from streamgenre.networks.step import SequenceOptions  # noqa: E402
from streamgenre.networks.tfcrnn import TFCRNN  # noqa: E402
from training.card import Calibration, make_card  # noqa: E402
from training.export.onnx import ExportError, export, parity  # noqa: E402

RAW = {"kind": "tfcrnn", "classes": 3, "width": 8, "size": 16, "hop": 3_200}
TRUNK = {"kind": "trunk", "classes": 3, "size": 16}
SHORT = [RAW | {"window": 1_600}, TRUNK | {"window": 16_000}]


def randomised(description, seed=0):
    """A network with random weights, including the zero-initialised feedback."""
    torch.manual_seed(seed)
    network = build(description).eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "feedback" in name or "gru" in name:
                parameter.normal_(0, 0.3)
    return network


def hop_of(description):
    return description.get("hop", 8_000)


def exported(description, path, **changes):
    network, hop = randomised(description), hop_of(description) / 16_000
    calibration = Calibration(1.3, Thresholds(0.3, 0.3, -70.0, 0.1, 2.0))
    card = make_card(network, description, ["a", "b", "c"], [hop], calibration)
    export(network, calibration, replace(card, name="test", **changes), path)
    return path


@pytest.fixture(scope="module")
def trunk_file(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.export.onnx.PARITY_STEPS", 5)  # the test below does all of them
        return exported(TRUNK, tmp_path_factory.mktemp("model") / "m.onnx")


@pytest.mark.parametrize(
    ("block", "gate", "parameters"),
    [
        ("basic", "none", 1_583_888),
        ("basic", "single", 1_978_640),
        ("basic", "two-layer", 1_696_208),
        ("se", "none", 1_708_496),
        ("se", "joined", 1_757_648),
        ("res-se", "none", 3_353_808),
        ("res-se", "joined", 3_402_960),
    ],
)
def test_parameter_counts_match_the_paper(block, gate, parameters):
    network = TFCRNN(classes=16, block=block, gate=gate)
    assert sum(p.numel() for p in network.parameters()) == parameters


ONE_LINEAR = [(128,), (128,), (256,), (256,), (256,), (512,)]
SQUEEZED = [(16,), (128,)] * 2 + [(32,), (256,)] * 3 + [(64,), (512,)]


@pytest.mark.parametrize(
    ("block", "gate", "convolutions", "gates"),
    [
        ("basic", "none", [1, 1, 1, 1, 1, 1], []),
        ("basic", "single", [1, 1, 1, 1, 1, 1], ONE_LINEAR),
        ("basic", "two-layer", [1, 1, 1, 1, 1, 1], SQUEEZED),
        ("se", "none", [1, 1, 1, 1, 1, 1], SQUEEZED),
        ("se", "joined", [1, 1, 1, 1, 1, 1], SQUEEZED),
        ("res-se", "none", [2, 2, 3, 2, 2, 3], SQUEEZED),  # 3: the shortcut is one where it widens
        ("res-se", "joined", [2, 2, 3, 2, 2, 3], SQUEEZED),
    ],
)
def test_shapes_match_the_paper(block, gate, convolutions, gates):
    network = TFCRNN(classes=16, block=block, gate=gate).eval()
    window, h = torch.randn(1, 3_200), torch.zeros(1, 256)
    assert sizes([network.stem, *network.blocks], lambda: network.tick(window, h)) == [
        (128, 1067), (128, 355), (128, 118), (256, 39), (256, 13), (256, 4), (512, 1),
    ]  # fmt: skip
    inside = of_kind(network.blocks, torch.nn.Conv1d, torch.nn.Linear)
    found = sizes(inside, lambda: network.tick(window, h))
    convolved = [(128, 1067), (128, 355), (256, 118), (256, 39), (256, 13), (512, 4)]
    expected = [shape for shape, n in zip(convolved, convolutions, strict=True) for _ in range(n)]
    assert [shape for shape in found if len(shape) == 2] == expected
    assert [shape for shape in found if len(shape) == 1] == gates
    h, scales, embedding = network.tick(window, h)
    assert h.shape == (1, 256) and embedding.shape == (1, 512)
    assert scales.shape == (1, 6 if gates else 0)


def test_two_and_a_half_seconds_are_23_steps():
    assert segment_logits(TFCRNN(classes=16), 2).logits.shape == (2, 1, 23, 16)


def segment_logits(network, lanes=1):
    """Logits of a segment of 2.5 s. As published, an odd half window at the end is not read."""
    fresh, state = torch.ones(lanes, 1, dtype=torch.bool), torch.zeros(lanes, 256)
    windows = torch.randn(lanes, 1, 24 * 1_600)
    return network.sequence(windows, fresh, state, SequenceOptions())


def multiply_adds(network, call):
    """Multiply-adds of convolutions and linear layers in a call that runs the network."""
    found = []

    def count(module, _, output):
        each = module.weight[0].numel()  # for one output value
        found.append(output.numel() * each)

    for module in network.modules():
        if isinstance(module, torch.nn.Conv1d | torch.nn.Linear):
            module.register_forward_hook(count)
    call()
    return sum(found)


def test_multiply_adds_match_the_paper():
    network = TFCRNN(classes=16, gate="none", hop=1_600).eval()
    tick = multiply_adds(network, lambda: network(torch.randn(1, 3_200), torch.zeros(1, 256)))
    assert tick == pytest.approx(94.3e6, abs=0.05e6)
    network = TFCRNN(classes=16, gate="none").eval()
    segment = multiply_adds(network, lambda: segment_logits(network))
    assert segment == pytest.approx(2.17e9, abs=0.005e9)  # 23 ticks: 2.5 s


def test_with_open_gates_the_network_equals_the_plain_one():
    torch.manual_seed(0)
    gated, plain = (
        TFCRNN(4, width=8, size=16).eval(),
        TFCRNN(4, width=8, size=16, gate="none").eval(),
    )
    plain.load_state_dict({k: v for k, v in gated.state_dict().items() if ".gate." not in k})
    for block in gated.blocks:
        torch.nn.init.zeros_(block.gate.layers.weight)
        torch.nn.init.constant_(block.gate.layers.bias, 50.0)
    samples, state = torch.randn(2, 41_600), torch.randn(2, 16)
    torch.testing.assert_close(gated(samples, state).logits, plain(samples, state).logits)


def test_the_backbone_network_starts_without_feedback():
    network = build(TRUNK).eval()
    samples = torch.randn(2, 40_000) * 0.1
    without_state = network(samples, torch.zeros(2, 16)).embedding
    torch.testing.assert_close(network(samples, torch.randn(2, 16)).embedding, without_state)
    network = randomised(TRUNK)
    changed = network(samples, torch.randn(2, 16)).embedding
    assert not torch.allclose(changed, network(samples, torch.zeros(2, 16)).embedding)


def test_the_cell_is_a_gru():
    ours, theirs = GRUCell(5, 7), torch.nn.GRUCell(5, 7)
    ours.from_input.load_state_dict({"weight": theirs.weight_ih, "bias": theirs.bias_ih})
    ours.from_state.load_state_dict({"weight": theirs.weight_hh, "bias": theirs.bias_hh})
    x, h = torch.randn(3, 5), torch.randn(3, 7)
    torch.testing.assert_close(ours(x, h), theirs(x, h))


def test_the_front_end_is_a_log_mel_spectrogram():
    front = LogMel()
    tone = torch.sin(2 * torch.pi * 1000 * torch.arange(40_000) / 16_000)[None] * 0.5
    power = front.power(tone)
    assert power.shape == (1, 128, 251)
    spectrum = torch.stft(
        tone, 512, 160, 400, torch.hann_window(400, periodic=False), pad_mode="constant",
        return_complex=True,
    ).abs() ** 2  # fmt: skip
    torch.testing.assert_close(power, front.bank[:, :, 0] @ spectrum, rtol=1e-3, atol=1e-3)
    mel = 1127 * np.log1p(1000 / 700)
    peak = int(power[0].mean(1).argmax())
    assert abs(peak - (mel / (1127 * np.log1p(15_000 / 700) / 129) - 1)) <= 1


@pytest.mark.parametrize("description", [RAW, TRUNK], ids=["raw", "trunk"])
def test_every_new_sample_affects_the_next_state(description):
    """The conformance test of all networks."""
    network = randomised(description)
    hop = hop_of(description)
    window = network.window_for(hop)
    samples = (torch.randn(1, window) * 0.1).requires_grad_()
    step = network(samples, torch.randn(1, 16))
    (gradient,) = torch.autograd.grad(step.next_state.square().sum(), samples)
    # Max pooling passes one of three samples; it is enough that every sample can have an effect.
    reached = torch.nn.functional.max_pool1d(gradient[:, -hop:].abs(), 81, ceil_mode=True)
    assert (reached > 0).all()
    if description is TRUNK:
        assert (gradient[:, -hop:] != 0).float().mean() > 0.999


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize(
    "description", [RAW, TRUNK, *SHORT], ids=["raw", "trunk", "short raw", "short trunk"]
)
def test_sequences_equal_carried_single_steps(description, frozen, monkeypatch):
    """Also with a reset of the state within the sequence."""
    monkeypatch.setattr("streamgenre.networks.trunk.augmented", lambda power, amount: power)
    network, hop = randomised(description), hop_of(description)
    windows = torch.randn(2, 3, network.window_for(hop)) * 0.1
    fresh = torch.zeros(2, 3, dtype=torch.bool)
    fresh[1, 2] = True
    state = torch.randn(2, 16)
    with torch.inference_mode():
        found = network.sequence(windows, fresh, state, SequenceOptions(frozen))
        for t in range(3):
            step = network(windows[:, t], state * ~fresh[:, t, None])
            state = step.next_state
            torch.testing.assert_close(found.logits[:, t, -1], step.logits, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(found.state, state, rtol=1e-3, atol=1e-4)


def test_the_raw_network_has_one_tick_per_half_window():
    network = randomised(RAW)
    signal = torch.randn(1, 1_600 + 16_000) * 0.1
    whole = network(signal, torch.zeros(1, 16)).next_state
    state = torch.zeros(1, 16)
    for start in range(0, 16_000, 3_200):
        state = network(signal[:, start : start + 4_800], state).next_state
    torch.testing.assert_close(state, whole)


@pytest.mark.parametrize("description", [RAW, TRUNK], ids=["raw", "trunk"])
def test_torch_and_onnx_agree_over_500_carried_steps(description, trunk_file, tmp_path):
    path = trunk_file if description is TRUNK else exported(description, tmp_path / "m.onnx")
    data = path.read_bytes()
    card = read_card(data, "m")
    engine = OnnxEngine(data, card)
    torch_engine = TorchEngine(data, card, device="cpu")
    window = card.hops[0].window
    assert parity(torch_engine.network, engine, window, steps=500) < 1e-4
    samples = (np.random.default_rng(0).standard_normal((4, window)) * 0.1).astype(np.float32)
    state = np.zeros((4, 16), np.float32)
    for ours, theirs in zip(
        torch_engine.step(samples, state), engine.step(samples, state), strict=True
    ):
        assert (ours is None) == (theirs is None)
        if ours is None:  # an output that this network does not have
            continue
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_the_bundled_model_agrees_with_torch_over_500_carried_steps(model, music):
    data = read_model(None)[1]
    engine = TorchEngine(data, model.card, device="cpu")
    samples = music[0].mean(1)
    ours = theirs = np.zeros((1, model.card.state_size), np.float32)
    worst = 0.0
    for i in range(500):
        start = i * 977 % (len(samples) - 40_000)
        window = samples[None, start : start + 40_000]
        a, b = engine.step(window, ours), model.engine.step(window, theirs)
        ours, theirs = a.next_state, b.next_state
        worst = max(worst, float(np.abs(a.probabilities - b.probabilities).max()))
    assert worst < 1e-4


def test_an_export_that_differs_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr("training.export.onnx.PARITY_STEPS", 3)
    true_forward = Calibrated.forward
    calls = []

    def drifting(self, samples, state):
        step = true_forward(self, samples, state)
        calls.append(1)
        return step if torch.onnx.is_in_onnx_export() else step._replace(music=step.music * 0.99)

    monkeypatch.setattr(Calibrated, "forward", drifting)
    with pytest.raises(ExportError):
        exported(TRUNK, tmp_path / "m.onnx")
    assert calls and list(tmp_path.iterdir()) == []


def test_a_network_without_gates_is_exported_for_any_number_of_streams(tmp_path, recwarn):
    path = exported(RAW | {"gate": "none"}, tmp_path / "m.onnx")
    assert not [w for w in recwarn if "Tracer" in w.category.__name__]
    data = path.read_bytes()
    engine = OnnxEngine(data, read_card(data, "m"))
    step = engine.step(np.zeros((3, 4_800), np.float32), np.zeros((3, 16), np.float32))
    assert step.gates.shape == (3, 0) and step.probabilities.shape == (3, 3)


def test_an_exported_model_runs_by_path(trunk_file, music):
    model = load(trunk_file)
    assert [label.name for label in model.card.labels] == ["a", "b", "c"]
    assert model.classify(music).updates[-1].time == pytest.approx(12)


def test_invalid_cards_are_rejected(trunk_file):
    import onnx

    model = onnx.load(trunk_file)
    digest = read_onnx(model.SerializeToString()).sha256

    def is_rejected(message):
        with pytest.raises(ModelFileError, match=message):
            read_card(model.SerializeToString(), "m")

    onnx.helper.set_model_props(model, {METADATA_KEY: "{"})
    is_rejected("card")
    onnx.helper.set_model_props(model, {METADATA_KEY: json.dumps({"format": 99})})
    is_rejected("format version")
    onnx.helper.set_model_props(model, {METADATA_KEY: card_to_json({"name": "x"}, digest)})
    is_rejected("card")
    del model.metadata_props[:]
    is_rejected("has no model card")


def test_external_data_is_rejected(trunk_file, tmp_path):
    import onnx

    model = onnx.load(trunk_file)
    onnx.save(
        model, tmp_path / "out.onnx", save_as_external_data=True, location="w.bin",
        size_threshold=0,
    )  # fmt: skip
    with pytest.raises(ModelFileError, match="external data"):
        load(tmp_path / "out.onnx")


def test_the_half_size_model_agrees_with_the_bundled_one(model, music, tmp_path, monkeypatch):
    half = load("tfcrnn-half")
    assert half.card.labels == model.card.labels
    assert len(read_model("tfcrnn-half")[1]) < 0.6 * len(read_model(None)[1])
    for ours, theirs in zip(half.stream().feed(*music), model.stream().feed(*music), strict=True):
        assert ours.top == theirs.top
        assert ours.probabilities == pytest.approx(theirs.probabilities, abs=0.03)
    # A file of that name takes precedence.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tfcrnn-half").write_bytes(b"another")
    with pytest.raises(ModelFileError):
        load("tfcrnn-half")
