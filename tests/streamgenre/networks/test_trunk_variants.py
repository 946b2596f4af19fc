"""Variants of the feedback of the backbone network, and augmentation of its spectra."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="networks need the train extra")
pytest.importorskip("lightning_fabric", reason="training needs the train extra")

from streamgenre.networks import augment, build  # noqa: E402
from streamgenre.networks.augment import (  # noqa: E402
    augmented,
    reverberant,
    shifted_bands,
    stretched,
)
from streamgenre.networks.logmel import LogMel  # noqa: E402
from streamgenre.networks.step import SequenceOptions  # noqa: E402
from training.card import gate_names  # noqa: E402
from training.studies.feedback import without_feedback  # noqa: E402

torch.set_num_threads(1)  # small networks: a second thread waits more than it works
WINDOW, SIZE, BLOCKS, BANDS = 8_000, 8, 15, 128
VARIANTS = ("state", "none", "window", "other")
HEARING = ("state", "window", "other")
ALIKE = {"rtol": 1e-3, "atol": 1e-4}


def backbone(feedback="state", first_feedback=1, *, zero_feedback=False, seed=0, **more):
    """A small backbone network with random weights. `zero_feedback`: keep feedback at zero."""
    torch.manual_seed(seed)
    network = build(
        {"kind": "trunk", "classes": 3, "size": SIZE, "width": 0.1, "window": WINDOW}
        | {"feedback": feedback, "first_feedback": first_feedback}
        | more
    ).eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if ".feedback." in name and not zero_feedback:
                parameter.normal_(0, 1.0)
            if name.startswith("gru."):
                parameter.normal_(0, 0.3)
    return network


PLAIN = backbone(zero_feedback=True)


def sound(*shape):
    return torch.randn(*shape, WINDOW, generator=torch.Generator().manual_seed(1)) * 0.1


def states(lanes, seed=2):
    return torch.randn(lanes, SIZE, generator=torch.Generator().manual_seed(seed))


def fed_blocks(network):
    return sorted({int(n.split(".")[1]) + 1 for n in network.state_dict() if ".feedback." in n})


def means_by_block(network, embedding):
    """The parts of an embedding from each block, in order."""
    sizes = [block.outputs for block in network.blocks]
    return embedding[:, -sum(sizes) :].split(sizes, 1)


def stepped(network, samples, state):
    with torch.inference_mode():
        return network(samples, state)


@pytest.mark.parametrize("variant", HEARING)
def test_with_zero_feedback_weights_all_variants_agree(variant):
    plain, gated = backbone("none"), backbone(variant, zero_feedback=True)
    missing, unexpected = gated.load_state_dict(plain.state_dict(), strict=False)
    assert not unexpected and all(".feedback." in name for name in missing)
    expected, found = (stepped(n, sound(3), states(3)) for n in (plain, gated))
    for name in ("logits", "music", "next_state", "gates", "embedding"):
        assert torch.equal(getattr(found, name), getattr(expected, name))
    assert not gated.feeds_back() and not plain.feeds_back() and backbone(variant).feeds_back()


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("first", [1, 5, 11, 15])
def test_only_gated_blocks_from_first_feedback_have_feedback(variant, first):
    gated = [int(name.removeprefix("block ")) for name in gate_names(backbone(zero_feedback=True))]
    assert gated == [4, 5, 6, 11, 12, 13, 14, 15]  # MobileNetV3-Large
    expected = [] if variant == "none" else [number for number in gated if number >= first]
    assert fed_blocks(backbone(variant, first)) == expected


@settings(max_examples=15, deadline=None)
@given(first=st.integers(1, BLOCKS), seed=st.integers(0, 1_000))
def test_the_state_affects_only_gates_from_first_feedback(first, seed):
    network = backbone("state", first)
    one, other = (
        stepped(network, sound(1), state) for state in (states(1, seed), torch.zeros(1, SIZE))
    )
    gated = fed_blocks(network)
    for name, a, b in zip(gate_names(network), one.gates[0], other.gates[0], strict=True):
        number = int(name.removeprefix("block "))
        if number < gated[0]:
            assert a == b
        elif number == gated[0]:  # later ones also change with their input
            assert a != b
    by_block = zip(*(means_by_block(network, s.embedding) for s in (one, other)), strict=True)
    for number, (a, b) in enumerate(by_block, 1):
        if number < gated[0]:
            assert torch.equal(a, b)
        elif number == gated[0]:
            assert not torch.equal(a, b)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1_000))
def test_the_gates_read_only_the_state_of_another_stream(seed):
    network, samples, before = backbone("other"), sound(2), states(2, seed)
    usual = stepped(network, samples, before)
    for lane in (0, 1):
        changed = before.clone()
        changed[lane] += 1.0
        now = stepped(network, samples, changed)
        assert torch.equal(now.gates[lane], usual.gates[lane])
        assert torch.equal(now.embedding[lane], usual.embedding[lane])
        assert not torch.equal(now.gates[1 - lane], usual.gates[1 - lane])
        # The stream's own state still enters the recurrent cell.
        assert not torch.equal(now.next_state[lane], usual.next_state[lane])


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1_000))
def test_the_gates_depend_only_on_the_current_window(seed):
    network, samples = backbone("window"), sound(2)
    usual, now = (stepped(network, samples, s) for s in (torch.zeros(2, SIZE), states(2, seed)))
    assert torch.equal(now.gates, usual.gates) and torch.equal(now.embedding, usual.embedding)
    assert not torch.equal(now.next_state, usual.next_state)
    # The feedback has an effect: the gates differ from those of a network without it.
    assert not torch.equal(
        usual.gates, stepped(without_feedback(network), samples, states(2)).gates
    )
    swapped = stepped(network, samples.flip(0), torch.zeros(2, SIZE))
    torch.testing.assert_close(swapped.gates.flip(0), usual.gates)  # streams are independent


@pytest.mark.parametrize("zero_feedback", [False, True], ids=["gated", "zero"])
@pytest.mark.parametrize("frozen", [False, True], ids=["whole", "frozen"])
@pytest.mark.parametrize("first", [1, 11])
@pytest.mark.parametrize("variant", VARIANTS)
def test_sequences_equal_carried_single_steps(variant, first, frozen, zero_feedback, monkeypatch):
    """Also with resets of the state within the sequence."""
    monkeypatch.setattr("streamgenre.networks.trunk.augmented", lambda power, amount: power)
    network = backbone(variant, first, zero_feedback=zero_feedback, styles=2)
    windows, state = sound(3, 4), states(3)
    fresh = torch.zeros(3, 4, dtype=torch.bool)
    fresh[0, 0] = fresh[1, 2] = fresh[2, 2] = fresh[2, 3] = True
    with torch.inference_mode():
        found = network.sequence(windows, fresh, state, SequenceOptions(frozen))
        for t in range(4):
            step = network(windows[:, t], state * ~fresh[:, t, None])
            state = step.next_state
            torch.testing.assert_close(found.logits[:, t, 0], step.logits, **ALIKE)
            torch.testing.assert_close(found.music[:, t], step.music, **ALIKE)
            torch.testing.assert_close(found.features[:, t], step.embedding, **ALIKE)
            torch.testing.assert_close(found.styles[:, t].sigmoid(), step.styles, **ALIKE)
    assert found.logits.shape == (3, 4, 1, 3)
    torch.testing.assert_close(found.state, state, **ALIKE)


@pytest.mark.parametrize("zero_feedback", [False, True], ids=["gated", "zero"])
@pytest.mark.parametrize("variant", HEARING)
def test_zero_feedback_weights_have_a_gradient(variant, zero_feedback):
    network = backbone(variant, 11, zero_feedback=zero_feedback)
    fresh = torch.zeros(2, 3, dtype=torch.bool)
    found = network.sequence(sound(2, 3), fresh, states(2), SequenceOptions())
    found.logits.square().sum().backward()
    gradients = [p.grad for n, p in network.named_parameters() if ".feedback." in n]
    assert len(gradients) == 5
    assert all(g is not None and g.isfinite().all() and g.any() for g in gradients)


@settings(deadline=None)
@given(first=st.integers(-2, 40))
def test_prefixes_before_a_block_are_the_stem_and_earlier_blocks(first):
    left = PLAIN.prefixes_before(first)
    for name, _ in PLAIN.named_parameters():
        part, number, *_ = name.split(".")
        before = part == "stem" or (part == "blocks" and int(number) + 1 < first)
        assert name.startswith(left) == (before and first > 0)


def test_prefixes_before_block_eleven():
    assert PLAIN.prefixes_before(11) == ("stem.", *(f"blocks.{i}." for i in range(10)))
    assert PLAIN.prefixes_before(0) == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"feedback": "gates"},
        {"feedback": ""},
        {"first_feedback": 0},
        {"first_feedback": BLOCKS + 1},
        {"size": 0},
        {"width": 0.0},
        {"window": WINDOW - 1},
    ],
)
def test_invalid_arguments_are_rejected(wrong):
    with pytest.raises(ValueError, match=r"feedback|positive"):
        build({"kind": "trunk", "classes": 3, "size": SIZE, "width": 0.1} | wrong)


@pytest.mark.parametrize("hop", [-1, 0, WINDOW + 1])
def test_hops_longer_than_the_window_are_rejected(hop):
    with pytest.raises(ValueError, match="hop must be"):
        PLAIN.window_for(hop)
    assert PLAIN.window_for(1) == PLAIN.window_for(WINDOW) == WINDOW


def test_styles_are_probabilities():
    assert stepped(PLAIN, sound(2), states(2)).styles is None
    styles = stepped(backbone(styles=4), sound(2), states(2)).styles
    assert styles.shape == (2, 4) and ((styles > 0) & (styles < 1)).all()


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_copy_without_feedback_leaves_the_network_unchanged(variant):
    network = backbone(variant)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    zero_feedback = without_feedback(network)
    assert not zero_feedback.feeds_back() and network.feeds_back() == (variant != "none")
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    for name, value in zero_feedback.state_dict().items():
        assert not value.any() if ".feedback." in name else torch.equal(value, before[name])
    plain = backbone("none")
    plain.load_state_dict({n: v for n, v in before.items() if ".feedback." not in n})
    expected, found = (stepped(n, sound(2), states(2)) for n in (plain, zero_feedback))
    assert torch.equal(found.logits, expected.logits) and torch.equal(found.gates, expected.gates)


# Augmentation


def powers(lanes, steps, frames, seed):
    """Band powers over nine decades, including silence."""
    rng = np.random.default_rng(seed)
    power = 10 ** rng.uniform(-6, 3, (lanes, steps, BANDS, frames))
    power *= rng.random((lanes, steps, 1, frames)) > 0.1
    return torch.tensor(power * (rng.random((lanes, 1, 1, 1)) > 0.1), dtype=torch.float32)


@settings(max_examples=40, deadline=None)
@given(
    lanes=st.integers(1, 4),
    steps=st.integers(1, 3),
    frames=st.integers(2, 60),
    seed=st.integers(0, 10_000),
)
def test_augmented_powers_are_finite_and_not_negative(lanes, steps, frames, seed):
    power = powers(lanes, steps, frames, seed)
    before = power.clone()
    torch.manual_seed(seed)
    found = augmented(power)
    assert found.shape == power.shape and found.dtype == torch.float32
    assert found.isfinite().all() and (found >= 0).all()
    assert torch.equal(power, before)


def test_augmentation_is_constant_within_a_lane(monkeypatch):
    for share in ("_PITCH_TEMPO", "_ROOM", "_NOISY", "_LIMITED", "_CODED", "_MASKED"):
        monkeypatch.setattr(augment, share, 1.0)
    same = powers(1, 1, 50, seed=0).expand(3, 4, BANDS, 50).contiguous()
    torch.manual_seed(0)
    found = augmented(same)
    torch.testing.assert_close(found, found[:, :1].expand_as(found))
    assert not torch.equal(found[0], found[1]) and not torch.equal(found[0], same[0])


@pytest.mark.parametrize("frames", [2, 51, 250, 251])
def test_tempo_one_is_the_identity(frames):
    torch.testing.assert_close(stretched(torch.ones(2, 1), frames)[1], torch.eye(frames))


def test_pitch_one_is_the_identity():
    torch.testing.assert_close(
        shifted_bands(torch.ones(2, 1), BANDS)[1], torch.eye(BANDS), rtol=0, atol=1e-4
    )


@settings(max_examples=30, deadline=None)
@given(tempo=st.floats(0.88, 1.13), frames=st.integers(20, 251))
def test_stretching_keeps_the_centre(tempo, frames):
    ramp = torch.arange(frames, dtype=torch.float32)
    found = stretched(torch.tensor([[tempo]]), frames)[0] @ ramp
    middle = (frames - 1) / 2
    expected = (middle + (ramp - middle) * tempo).clamp(0, frames - 1)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-2)


@pytest.mark.parametrize("semitones", [-1, 1])
@pytest.mark.parametrize("hz", [300.0, 1_000.0, 3_000.0, 6_000.0])
def test_pitch_shifts_follow_the_mel_scale(hz, semitones):
    front, pitch = LogMel(), 2 ** (semitones / 12)

    def bands_of(frequency):
        """The band powers of a steady tone, without the edges of the window."""
        t = torch.arange(16_000, dtype=torch.float64) / 16_000
        tone = (0.3 * torch.sin(2 * torch.pi * frequency * t)).float()[None]
        return front.power(tone)[0, :, 10:-10].mean(1)

    def centre(power):
        return float((power * torch.arange(BANDS)).sum() / power.sum())

    moved = shifted_bands(torch.tensor([[pitch]]), BANDS)[0] @ bands_of(hz)
    expected, before = centre(bands_of(hz * pitch)), centre(bands_of(hz))
    assert centre(moved) == pytest.approx(expected, abs=0.25)
    assert abs(expected - before) > 0.5


def test_bands_from_above_the_top_band_are_zero():
    lower = shifted_bands(torch.tensor([[0.8]]), BANDS)[0]
    assert not lower[-1].any() and lower[10].sum() == pytest.approx(1.0, abs=1e-5)


@settings(max_examples=30, deadline=None)
@given(decay=st.floats(0.1, 0.8), wet=st.floats(0.01, 0.5))
def test_reverberation_decays_by_60_db_and_adds_its_share(decay, wet):
    frames = 251
    room = reverberant(torch.tensor([[decay]]), torch.tensor([[wet]]), frames)[0].double()
    click = torch.zeros(frames, dtype=torch.float64)
    click[20] = 1.0
    tail = room @ click
    assert not tail[:20].any() and tail[20] == 1.0  # causal
    later = round(decay / 0.01)
    level = 10 * torch.log10(tail[21 : 21 + later + 1])
    fallen = float(level[0] - level[-1]) / (later * 0.01) * decay
    assert fallen == pytest.approx(60, abs=0.1)
    steady = room @ torch.ones(frames, dtype=torch.float64)
    assert float(steady[-1]) == pytest.approx(1 + wet, rel=1e-3)


def test_reverberation_without_power_is_the_identity():
    dry = reverberant(torch.tensor([[0.1], [0.8]]), torch.zeros(2, 1), 60)
    assert torch.equal(dry, torch.eye(60).expand(2, 60, 60))


def test_pretrained_classes_are_inputs_of_the_gru():
    plain, gated = backbone("none"), backbone("none", classes_heard=5)
    weights = plain.state_dict()
    same = {k: v for k, v in weights.items() if k in gated.state_dict() and "feature_" not in k}
    same = {k: v for k, v in same.items() if v.shape == gated.state_dict()[k].shape}
    gated.load_state_dict(gated.state_dict() | same)
    one, two = (stepped(n, sound(2), states(2)) for n in (plain, gated))
    size = plain.embedding_size
    assert gated.embedding_size == size + 5
    torch.testing.assert_close(two.embedding[:, :size], one.embedding)
    top = gated.top.out_channels
    with torch.inference_mode():
        torch.testing.assert_close(two.embedding[:, size:], gated.head(one.embedding[:, :top]))


def test_zero_augmentation_is_the_identity():
    power = torch.rand(3, 2, BANDS, 20)
    assert torch.equal(augmented(power, 0.0), power)
    torch.manual_seed(0)
    assert not torch.equal(augmented(power, 1.0), power)


@pytest.mark.parametrize("decibels", [-30, -12, 6, 20])
def test_levelled_output_does_not_depend_on_the_volume(decibels):
    network, state = backbone(levelled=True, classes_heard=5), states(3)
    # The quietest is still within the maximum gain of 30 dB.
    samples = sound(3) * 10 ** (20 / 20)
    expected = stepped(network, samples, state)
    found = stepped(network, samples * 10 ** (decibels / 20), state)
    for name in ("logits", "music", "next_state", "gates", "embedding"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), **ALIKE)
    untouched = stepped(backbone(classes_heard=5), samples * 10 ** (decibels / 20), state)
    assert not torch.allclose(untouched.embedding, found.embedding, **ALIKE)


def test_levelled_keeps_silence():
    network, state = backbone(levelled=True), states(1)
    silent, faint = torch.zeros(1, WINDOW), torch.full((1, WINDOW), 1e-7)
    expected = stepped(network, silent, state)
    assert all(torch.isfinite(part).all() for part in expected if part is not None)
    torch.testing.assert_close(stepped(network, faint, state).logits, expected.logits, **ALIKE)
