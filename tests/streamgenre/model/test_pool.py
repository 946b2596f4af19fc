"""Pooled streams give the same updates as single streams."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streamgenre
from streamgenre.model.engine import Engine
from streamgenre.model.pool import StreamPool

RATE = 16_000


@pytest.fixture(scope="module")
def model():
    return streamgenre.load()


@pytest.fixture(scope="module")
def voices():
    """Five signals of 11 s."""
    rng = np.random.default_rng(3)
    t = np.arange(11 * RATE) / RATE
    return [
        (0.2 * np.sin(2 * np.pi * 110 * (i + 1) * t) + 0.05 * rng.standard_normal(len(t))).astype(
            np.float32
        )
        for i in range(5)
    ]


class Clock:
    """A clock that advances on request."""

    now = 100.0

    def __call__(self):
        return self.now


def by_stream(collected, streams):
    updates = {id(stream): [] for stream in streams}
    for stream, update in collected:
        updates[id(stream)].append(update)
    return [updates[id(stream)] for stream in streams]


def agree(pooled, alone):
    assert [(u.time, u.status, u.genre) for u in pooled] == [
        (u.time, u.status, u.genre) for u in alone
    ]
    for a, b in zip(pooled, alone, strict=True):
        assert a.probabilities == pytest.approx(b.probabilities, abs=1e-5)
        assert a.level == b.level


@pytest.mark.parametrize("batch", [1, 3, 16])
def test_pooled_and_single_streams_agree(model, voices, batch):
    pool = model.pool(0.5, batch=batch, patience=0)
    streams = [pool.stream() for _ in voices]
    collected, rng = [], np.random.default_rng(batch)
    places = [0] * len(voices)
    while any(place < len(voice) for place, voice in zip(places, voices, strict=True)):
        for i in rng.permutation(len(voices)):
            size = int(rng.integers(0, 12_000))
            assert streams[i].feed(voices[i][places[i] : places[i] + size], RATE) == []
            places[i] += size
        collected += pool.collect()
    for stream in streams:
        assert stream.flush() == []
    collected += pool.collect()
    for voice, pooled in zip(voices, by_stream(collected, streams), strict=True):
        alone = model.stream(0.5)
        agree(pooled, alone.feed(voice, RATE) + alone.flush())


@settings(max_examples=8, deadline=None)
@given(cuts=st.lists(st.integers(0, 60_000), max_size=6))
def test_long_chunks_run_steps_inside_feed(model, voices, cuts):
    pool = model.pool(0.5, batch=4, patience=1e9)
    stream, alone = pool.stream(), model.stream(0.5)
    at = 0
    for cut in [*cuts, len(voices[0])]:
        stream.feed(voices[0][at : at + cut], RATE)
        at += cut
    collected = pool.collect(everything=True)
    agree([update for _, update in collected], alone.feed(voices[0][:at], RATE))
    assert pool.waiting == 0 and pool.due is None


def test_a_batch_runs_when_full_or_when_its_oldest_step_is_due(model, voices):
    clock = Clock()
    pool = StreamPool(model.engine, model.card.hop(0.5), batch=3, patience=0.2, clock=clock)
    streams = [pool.stream() for _ in voices]
    assert pool.due is None and pool.collect() == []
    streams[0].feed(voices[0][:8_000], RATE)
    assert pool.due == pytest.approx(0.2) and pool.collect() == []
    clock.now += 0.15
    streams[1].feed(voices[1][:8_000], RATE)
    assert pool.due == pytest.approx(0.05) and pool.collect() == []
    clock.now += 0.06
    assert pool.due == 0.0
    assert [stream for stream, _ in pool.collect()] == streams[:2]
    for stream, voice in zip(streams[2:], voices[2:], strict=True):
        stream.feed(voice[:8_000], RATE)
    assert pool.due == 0.0 and [stream for stream, _ in pool.collect()] == streams[2:]


def test_gap_flush_and_reset_run_waiting_steps(model, voices):
    pool = model.pool(0.5, patience=1e9)
    stream, alone = pool.stream(), model.stream(0.5)
    assert stream.feed(voices[0][:20_000], RATE) == stream.gap(3.0) == []
    assert stream.feed(voices[1][:20_000], 2 * RATE) == stream.flush() == []
    expected = alone.feed(voices[0][:20_000], RATE) + alone.gap(3.0)
    expected += alone.feed(voices[1][:20_000], 2 * RATE) + alone.flush()
    pooled = [update for _, update in pool.collect()]
    assert [(u.time, u.status) for u in pooled] == [(u.time, u.status) for u in expected]
    stream.reset()
    stream.feed(voices[0][:8_000], RATE)
    stream.reset()
    assert pool.waiting == 0 and len(pool.collect()) == 1
    with pytest.raises(ValueError, match="batch"):
        model.pool(batch=0)


def test_a_non_finite_output_affects_only_its_own_stream(model, voices):
    class Broken(Engine):
        card = model.card

        def front_end(self, hop, compiled=False):
            return model.engine.front_end(hop, compiled)

        def run(self, inputs, state):
            step = model.engine.run(inputs, state)
            music = step.music.copy()
            # The second stream of a batch fails; run alone, it succeeds.
            music[1:2] = np.nan
            return step._replace(music=music)

    pool = StreamPool(Broken(), model.card.hop(0.5), patience=0)
    streams = [pool.stream() for _ in range(3)]
    for stream, voice in zip(streams, voices, strict=False):
        stream.feed(voice[:8_000], RATE)
    collected = pool.collect()
    assert [stream.state_resets for stream in streams] == [0, 1, 0]
    for (_, update), voice in zip(collected, voices, strict=False):
        (alone,) = model.stream(0.5).feed(voice[:8_000], RATE)
        assert update.probabilities == pytest.approx(alone.probabilities, abs=1e-5)


def test_the_pool_keeps_no_reference_to_idle_streams(model, voices):
    import gc
    import weakref

    pool = model.pool(0.5, patience=0)
    stream = pool.stream()
    stream.feed(voices[0], RATE)
    pool.collect(everything=True)
    watched = weakref.ref(stream)
    del stream
    gc.collect()
    assert watched() is None
