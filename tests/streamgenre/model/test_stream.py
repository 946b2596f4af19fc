"""Contracts of a stream: chunk invariance, exact time, each sample is new exactly once."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

import streamgenre
from streamgenre import ConfigError, SignalError
from streamgenre.model.engine import Engine, Step, initial_state
from streamgenre.model.stream import Stream
from streamgenre.update import DIGITAL_SILENCE


def run(model, samples, rate, cuts=(), hop=None):
    stream = model.stream(hop)
    updates = []
    edges = [0, *sorted(cuts), len(samples)]
    for begin, end in pairwise(edges):
        updates += stream.feed(samples[begin:end], rate)
    return updates + stream.flush()


@pytest.fixture(scope="module")
def versions(music):
    """The same excerpt at several sample rates."""
    samples, rate = music
    samples = samples[: 4 * rate]
    resampled = {}
    for target in (8_000, 16_000, 22_050, 48_000):
        resampled[target] = soxr.resample(samples, rate, target).astype(np.float32)
    resampled[rate] = samples
    return resampled


@pytest.fixture(scope="module")
def whole_runs(model):
    return {}


@settings(max_examples=40, deadline=None)
@given(
    rate=st.sampled_from([8_000, 16_000, 22_050, 44_100, 48_000]),
    as_int=st.booleans(),
    channels=st.sampled_from([1, 2]),
    hop=st.sampled_from([0.5, 2.5]),
    shares=st.lists(st.floats(0, 1), max_size=8),
    singles=st.integers(0, 40),
)
def test_chunk_sizes_do_not_affect_the_updates(
    model, versions, whole_runs, rate, as_int, channels, hop, shares, singles
):
    samples = versions[rate][:, :channels]
    if as_int:
        samples = np.clip(samples * 32767, -32768, 32767).astype(np.int16)
    key = (rate, as_int, channels, hop)
    if key not in whole_runs:
        whole_runs[key] = run(model, samples, rate, hop=hop)
    cuts = [int(share * len(samples)) for share in shares]
    start = cuts[0] if cuts else 0
    cuts += [min(start + i, len(samples)) for i in range(singles)]  # one-sample and empty feeds
    assert run(model, samples, rate, [*cuts, start, start], hop) == whole_runs[key]


def test_int16_and_float32_give_identical_updates(model, music):
    samples, rate = music
    coded = (samples * 32767).astype(np.int16)
    assert run(model, coded, rate) == run(model, coded.astype(np.float32) / 32768, rate)


def test_mono_equals_two_identical_channels(model, music):
    samples, rate = music
    mono = np.ascontiguousarray(samples[:, 0])
    assert run(model, mono, rate) == run(model, np.stack([mono, mono], 1), rate)


def test_classify_equals_streaming(model, music):
    samples, rate = music
    timeline = model.classify((samples, rate), hop=0.5)
    streamed = run(model, samples, rate, cuts=range(0, len(samples), 1777), hop=0.5)
    assert [u.time for u in timeline.updates] == [u.time for u in streamed]
    for offline, online in zip(timeline.updates, streamed, strict=True):
        assert offline.status == online.status and offline.genre == online.genre
        assert offline.probabilities == online.probabilities


@pytest.mark.parametrize("seconds", [0.05, 0.1, 1.0, 2.4999, 2.5, 3.0, 7.5])
@pytest.mark.parametrize("hop", [0.5, 2.5])
def test_the_last_update_ends_with_the_audio(model, music, seconds, hop):
    samples, rate = music
    samples = samples[: round(seconds * rate)]
    updates = run(model, samples, rate, hop=hop)
    assert updates[-1].time == pytest.approx(len(samples) / rate, abs=1e-4)
    assert len(updates) == int(np.ceil(len(samples) / rate / hop - 1e-4))
    assert all(a.time < b.time for a, b in pairwise(updates))


class Recorder(Engine):
    """An engine that records its inputs."""

    def __init__(self, card):
        self.card, self.seen = card, []

    def step(self, samples, state):
        self.seen.append(samples.copy())
        even = np.full((1, len(self.card.labels)), 1 / len(self.card.labels), np.float32)
        return Step(even, np.ones(1, np.float32), state + 1)


@pytest.mark.parametrize("hop", [0.5, 2.5])
def test_each_sample_is_new_in_exactly_one_step(model, hop):
    signal = np.random.default_rng(0).uniform(-1, 1, 16_000 * 9 + 123).astype(np.float32)
    engine = Recorder(model.card)
    stream = Stream(engine, model.card.hop(hop))
    for begin in range(0, len(signal), 3000):
        stream.feed(signal[begin : begin + 3000], 16_000)
    stream.flush()
    size = round(hop * 16_000)
    new = np.concatenate([window[0, -size:] for window in engine.seen])
    assert np.array_equal(new[: len(signal)], signal)
    assert not new[len(signal) :].any() and len(new) - len(signal) < size
    whole = np.concatenate([np.zeros(40_000, np.float32), new])
    for i, window in enumerate(engine.seen, 1):  # each window ends with its new samples
        assert np.array_equal(window[0], whole[i * size : i * size + 40_000])


def test_flush_closes_a_stream_and_reset_reopens_it(model, music):
    samples, rate = music
    stream = model.stream()
    first = stream.feed(samples, rate) + stream.flush()
    with pytest.raises(SignalError, match="flushed"):
        stream.feed(samples, rate)
    stream.reset()
    assert stream.feed(samples, rate) + stream.flush() == first


def test_empty_input_gives_no_updates(model):
    assert model.stream().flush() == []
    stream = model.stream()
    assert stream.feed(np.zeros(0, np.float32), 44_100) == []
    assert stream.flush() == []


def test_a_gap_advances_time_and_resets_the_state(model, music):
    samples, rate = music
    stream = model.stream(2.5)
    before = stream.feed(samples[: 6 * rate], rate)
    lost = stream.gap(4.0)
    assert [u.status for u in lost][-1] == "gap" and len(lost) == 2
    assert lost[0].time == pytest.approx(6.0) and lost[1].time == pytest.approx(10.0)
    after = stream.feed(samples[: 6 * rate], rate)
    assert [u.time - 10.0 for u in after] == pytest.approx([u.time for u in before])
    assert [u.probabilities for u in after] == [u.probabilities for u in before]
    with pytest.raises(SignalError, match="gap"):
        stream.gap(-1)


def test_reset_state_keeps_time(model, music):
    samples = soxr.resample(music[0][:, 0], music[1], 16_000)[:80_000]
    stream = model.stream(2.5)
    before = stream.feed(samples, 16_000)
    stream.reset_state()
    after = stream.feed(samples, 16_000)
    assert [u.time for u in after] == [7.5, 10.0]
    assert [u.probabilities for u in after] == [u.probabilities for u in before]


def test_the_state_affects_later_steps(model, music):
    samples, rate = music
    stream = model.stream(2.5)
    carried = [u.probabilities for u in stream.feed(samples[: 11 * rate], rate)]
    alone = []
    for i in range(4):
        part = samples[round(i * 2.5 * rate) : round((i + 1) * 2.5 * rate)]
        alone.append(run(model, part, rate, hop=2.5)[0].probabilities)
    difference = max(abs(carried[3][k] - alone[3][k]) for k in carried[3])
    assert difference > 0.01


@pytest.mark.parametrize(
    ("samples", "rate", "message"),
    [
        (np.zeros((2, 1000), np.float32), 44_100, r"samples\.T"),
        (np.zeros(10, np.int32), 44_100, "float32 or int16"),
        (np.zeros((2, 2, 2), np.float32), 44_100, "shape"),
        (np.zeros(10, np.float32), 0, "sample rate"),
        (np.zeros(10, np.float32), float("nan"), "sample rate"),
    ],
)
def test_invalid_samples_are_rejected(model, samples, rate, message):
    with pytest.raises(SignalError, match=message):
        model.stream().feed(samples, rate)


def test_rate_and_channels_must_not_change(model):
    stream = model.stream()
    stream.feed(np.zeros(10, np.float32), 44_100)
    with pytest.raises(SignalError, match="48000 Hz"):
        stream.feed(np.zeros(10, np.float32), 48_000)
    with pytest.raises(SignalError, match="2 channels"):
        stream.feed(np.zeros((10, 2), np.float32), 44_100)


def test_an_unknown_hop_is_an_error_that_lists_the_available_ones(model):
    with pytest.raises(ConfigError, match=r"2\.5.*0\.5|0\.5.*2\.5"):
        model.stream(0.7)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38])
def test_non_finite_samples_become_silence_and_are_counted(model, music, bad):
    samples, rate = music
    broken, silenced = samples[: 6 * rate].copy(), samples[: 6 * rate].copy()
    broken[100_000:100_400] = bad
    silenced[100_000:100_400] = 0
    stream = model.stream(0.5)
    assert stream.feed(broken, rate) == model.stream(0.5).feed(silenced, rate)
    assert stream.non_finite == 800 and stream.state_resets == 0


def test_a_non_finite_state_is_reset_and_counted(model, music):
    samples, rate = music
    stream = model.stream(2.5)
    stream.feed(samples[: 3 * rate], rate)
    stream._state = np.full_like(stream._state, np.nan)
    (update,) = stream.feed(samples[3 * rate : 6 * rate], rate)
    assert stream.state_resets == 1
    assert all(np.isfinite(p) for p in update.probabilities.values())


def test_batches_agree_with_single_steps(model):
    rng = np.random.default_rng(1)
    windows = (rng.standard_normal((6, 40_000)) * 0.1).astype(np.float32)
    together = initial_state(model.card, 6)
    alone = [initial_state(model.card) for _ in range(6)]
    for _ in range(5):
        batch = model.engine.step(windows, together)
        singles = [model.engine.step(windows[i : i + 1], alone[i]) for i in range(6)]
        stacked = np.concatenate([s.probabilities for s in singles])
        assert np.abs(batch.probabilities - stacked).max() < 1e-5
        assert (batch.probabilities.argmax(1) == stacked.argmax(1)).all()
        together, alone = batch.next_state, [s.next_state for s in singles]
        windows = np.roll(windows, 8000, axis=1)


def test_probabilities_sum_to_one(model, music):
    samples, rate = music
    for update in run(model, samples, rate):
        assert sum(update.probabilities.values()) == pytest.approx(1, abs=1e-5)
        assert 0 <= update.music <= 1 and update.top in update.probabilities
        assert (update.genre is not None) == (update.status == "genre")


def test_silence_is_no_music(model):
    updates = run(model, np.zeros(44_100 * 6, np.int16), 44_100)
    assert {u.status for u in updates} == {"no-music"}
    assert {u.level for u in updates} == {DIGITAL_SILENCE}


def test_all_public_names_exist():
    for name in streamgenre.__all__:
        assert getattr(streamgenre, name) is not None
    with pytest.raises(AttributeError):
        streamgenre.nothing  # noqa: B018
