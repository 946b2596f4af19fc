"""The memory of running statistics: content, decay and weights."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from streamgenre.networks import build, step_form  # noqa: E402
from streamgenre.networks.logmel import LogMel, activity  # noqa: E402
from streamgenre.networks.statistics import LONGEST, RunningStatistics  # noqa: E402

POOLED = {"kind": "trunk", "classes": 3, "memory": "statistics", "levelled": True, "hidden": 32}


def run(statistics, embeddings, seconds, weights=None):
    """The mean after each of the embeddings (T, E) of one stream."""
    memory = torch.zeros(1, statistics.memory_size)
    hop, found = torch.full((1, 1), seconds), []
    for t, embedding in enumerate(embeddings):
        weight = torch.ones(1) if weights is None else weights[t : t + 1]
        opinion = torch.zeros(1, 3)
        opinion[0, t % 3] = 1.0
        pooled, mean, _, memory = statistics(embedding[None], opinion, weight, hop, memory)
        assert mean.sum().item() == pytest.approx(1, abs=1e-3)
        found.append(pooled[0])
    return torch.stack(found), memory


@pytest.fixture
def statistics():
    made = RunningStatistics(4, 3).eval()
    with torch.no_grad():
        made.offset.fill_(-1e4)  # never a change of music
    return made


def test_without_decay_the_mean_is_that_of_the_embeddings(statistics):
    embeddings = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
    pooled, _ = run(statistics, embeddings, 0.5)
    torch.testing.assert_close(pooled[-1, :4], embeddings.mean(0), atol=0.1, rtol=0)


def test_the_mean_after_one_step_is_its_embedding(statistics):
    pooled, _ = run(statistics, torch.full((1, 4), 2.0), 2.5)
    torch.testing.assert_close(pooled[0], torch.full((4,), 2.0))


@pytest.mark.parametrize("seconds", [0.5, 2.5])
def test_the_decay_per_second_does_not_depend_on_the_hop(statistics, seconds):
    steps = round(LONGEST / seconds)
    embeddings = torch.cat([torch.ones(steps, 4), torch.zeros(steps, 4)])
    pooled, _ = run(statistics, embeddings, seconds)
    # LONGEST of each: the first part has decayed to 1/e.
    assert pooled[-1, 0].item() == pytest.approx(1 / (1 + np.e), abs=0.02)


def test_steps_with_zero_weight_do_not_change_the_mean(statistics):
    music, noise = torch.ones(10, 4), torch.full((5, 4), 9.0)
    weights = torch.cat([torch.ones(10), torch.zeros(5)])
    pooled, _ = run(statistics, torch.cat([music, noise]), 0.5, weights)
    torch.testing.assert_close(pooled[-1, :4], torch.ones(4), atol=0.01, rtol=0)


def test_a_distant_embedding_resets_the_mean(statistics):
    with torch.no_grad():
        statistics.offset.fill_(-3.0)
    embeddings = torch.cat([torch.zeros(20, 4), torch.full((6, 4), 6.0)])
    changed, _ = run(statistics, embeddings, 0.5)
    with torch.no_grad():
        statistics.offset.fill_(-1e4)
    kept, _ = run(statistics, embeddings, 0.5)
    assert changed[-1, 0] > kept[-1, 0] + 1


def test_only_windows_outside_the_level_range_change():
    front = LogMel()
    samples = torch.randn(1, 16_000, generator=torch.Generator().manual_seed(0)) * 0.1
    inside, quiet = front(samples), front(samples * 0.02)
    torch.testing.assert_close(front.levelled(inside, -10, 12), inside, atol=1e-4, rtol=0)
    louder = front.levelled(quiet, -10, 12)
    assert louder.mean() > quiet.mean() + 0.2
    assert louder.mean() < inside.mean()


def test_levelling_removes_the_volume_and_keeps_silence():
    front = LogMel()
    samples = torch.randn(1, 16_000, generator=torch.Generator().manual_seed(0)) * 0.2
    loud, soft = (front.levelled(front(samples * gain)) for gain in (1.0, 0.1))
    torch.testing.assert_close(loud, soft, atol=2e-3, rtol=0)
    silent = front(torch.zeros(1, 16_000))
    torch.testing.assert_close(front.levelled(silent), silent, atol=1e-4, rtol=0)
    assert activity(silent).item() == pytest.approx(0, abs=1e-4)
    half = torch.cat([torch.zeros(1, 8_000), samples[:, :8_000]], 1)
    assert activity(front(half)).item() == pytest.approx(0.5, abs=0.02)


def test_the_exported_form_agrees_and_keeps_the_hop_in_the_state():
    torch.manual_seed(0)
    network = build(POOLED).eval()
    exported = step_form(network).eval()
    state = other = network.initial_state(2, 0.5)
    assert state[:, network.hop_entry].tolist() == [0.5, 0.5]
    with torch.inference_mode():
        for _ in range(3):
            samples = torch.randn(2, 40_000) * 0.1
            ours, theirs = network(samples, state), exported(samples, other)
            state, other = ours.next_state, theirs.next_state
            torch.testing.assert_close(ours.logits, theirs.logits, atol=1e-5, rtol=0)
    assert state[:, network.hop_entry].tolist() == [0.5, 0.5]
    again = network.restart(state, torch.tensor([True, False]))
    torch.testing.assert_close(again[0], network.initial_state(1, 0.5)[0])
    torch.testing.assert_close(again[1], state[1])


def test_only_the_first_short_steps_are_near_uniform():
    torch.manual_seed(0)
    network = build(POOLED).eval()
    with torch.no_grad():
        network.music.bias.fill_(9.0)
        network.window_classifier.bias.copy_(torch.tensor([3.0, 0.0, -3.0]))
    samples = torch.randn(1, 2_500 * 16) * 0.1
    half = samples.clone()
    half[:, : 2_000 * 16] = 0  # half a second into a stream, the rest of the window is padding
    with torch.inference_mode():
        first = network(half, network.initial_state(1, 0.5)).logits.softmax(1)
        whole = network(samples, network.initial_state(1, 2.5)).logits.softmax(1)
    assert first.max() < 0.4
    assert whole.max() > 0.6


def test_a_zero_state_selects_the_default_hop():
    torch.manual_seed(0)
    network = build(POOLED).eval()
    zeros, named = torch.zeros(1, network.state_size), network.initial_state(1, 2.5)
    with torch.inference_mode():
        samples = torch.randn(1, 40_000) * 0.1
        for _ in range(2):
            plain, hop = network(samples, zeros), network(samples, named)
            zeros, named = plain.next_state, hop.next_state
            torch.testing.assert_close(plain.logits, hop.logits)


@pytest.fixture(scope="module")
def pooled_model(tmp_path_factory):
    """A model file of an untrained pooled network with two hops."""
    from training.card import Calibration, make_card
    from training.export.onnx import export

    torch.manual_seed(0)
    network = build(POOLED).eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "feedback" in name or "from_state" in name:
                torch.nn.init.normal_(parameter, std=0.05)
    path = tmp_path_factory.mktemp("pooled") / "pooled.onnx"
    card = make_card(network, POOLED, ["jazz", "pop", "rock"], [2.5, 0.5], Calibration())
    assert export(network, Calibration(), card, path) < 1e-4
    return path


def test_the_initial_state_of_a_stream_contains_its_hop(pooled_model):
    import streamgenre
    from streamgenre.model.engine import initial_state

    model = streamgenre.load(pooled_model)
    for hop in model.card.hops:
        assert initial_state(model.card, 2, hop)[:, model.card.hop_entry] == pytest.approx(
            hop.seconds
        )
    samples = (np.random.default_rng(0).standard_normal(5 * 16_000) * 0.1).astype(np.float32)
    cut, whole = model.stream(hop=0.5), model.stream(hop=0.5)
    updates = [u for part in np.array_split(samples, 23) for u in cut.feed(part, 16_000)]
    assert [u.probabilities for u in updates] == [
        u.probabilities for u in whole.feed(samples, 16_000)
    ]


def test_a_package_contains_its_hop(pooled_model, tmp_path):
    import onnxruntime

    import streamgenre
    from streamgenre.model.card import read_card
    from streamgenre.model.engine import initial_state
    from streamgenre.package.graph import at_hop

    data = pooled_model.read_bytes()
    card = read_card(data, "pooled")
    hop = card.hop(0.5)
    fixed = onnxruntime.InferenceSession(at_hop(data, card, hop))
    engine = streamgenre.load(pooled_model).engine
    state, named = np.zeros((1, card.state_size), np.float32), initial_state(card, hop=hop)
    rng = np.random.default_rng(0)
    for _ in range(4):
        samples = (rng.standard_normal((1, hop.window)) * 0.1).astype(np.float32)
        probabilities, state = fixed.run(
            ["probabilities", "next_state"], {"samples": samples, "state": state}
        )
        step = engine.step(samples, named)
        named = step.next_state
        np.testing.assert_allclose(probabilities, step.probabilities, atol=1e-4)
