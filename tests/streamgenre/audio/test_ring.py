"""A ring neither loses nor adds samples, even between two threads."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamgenre.audio.framing import frame
from streamgenre.audio.live.ring import LiveRing
from streamgenre.audio.ring import Ring


@settings(deadline=None)  # kernels are compiled in the first example
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=60),
    st.integers(1, 20),
)
def test_samples_are_read_in_the_order_written(turns, capacity):
    ring, written, read = Ring(capacity), 0, []

    def take(samples):
        out = np.empty(samples, np.float32)
        return out[: ring.read(out)].tolist()

    for put, get in turns:
        block = np.arange(written, written + put, dtype=np.float32)
        taken = ring.write(block)
        assert taken == min(put, capacity - (written - len(read)))
        written += taken
        read += take(get)
        assert len(ring) == written - len(read)
    assert read == list(range(len(read)))


def test_reading_more_than_is_available_is_an_error():
    with pytest.raises(ValueError, match="cannot consume 3 samples, only 0"):
        Ring(10).advance(3)


def test_frames_report_level_and_damage_of_new_samples():
    ring, out = Ring(8, history=4), np.empty(8, np.float32)
    ring.write(np.array([1, 1, 1, 1, 0.5, -0.5, np.nan, 0.5], np.float32))
    first = frame(ring, 4, out)
    assert out.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert (first.level, first.non_finite) == (0.0, 0)
    second = frame(ring, 4, out)
    assert out.tolist() == [1, 1, 1, 1, 0.5, -0.5, 0, 0.5]
    assert second.non_finite == 1
    assert second.level == pytest.approx(10 * np.log10(0.75 / 4))


def test_a_producer_and_a_consumer_in_two_threads():
    ring, total, got = Ring(997), 300_000, []

    def produce():
        at, rng = 0, np.random.default_rng(0)
        while at < total:
            size = min(int(rng.integers(1, 700)), total - at)
            at += ring.write(np.arange(at, at + size, dtype=np.float32))

    producer = threading.Thread(target=produce)
    producer.start()
    out = np.empty(500, np.float32)
    while len(got) < total:
        got += out[: ring.read(out)].tolist()
    producer.join()
    assert got == list(range(total))


@settings(deadline=None)  # kernels are compiled in the first example
@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 30)), max_size=60),
    st.integers(1, 20),
)
def test_a_live_ring_keeps_the_newest_samples_and_counts_dropped_ones(turns, capacity):
    ring, written, position = LiveRing(capacity), 0, 0
    for put, get in turns:
        ring.write(np.arange(written, written + put, dtype=np.float32))
        written += put
        assert ring.written == written
        waiting = min(capacity, written - position)
        assert len(ring) == waiting
        lost, samples = ring.read(get)
        assert lost == written - position - waiting
        position += lost
        assert samples.tolist() == list(range(position, position + min(get, waiting)))
        position += len(samples)


def test_every_sample_of_a_live_ring_is_read_or_counted_as_dropped():
    ring, total, got, lost = LiveRing(997), 300_000, [], 0

    def produce():
        at, rng = 0, np.random.default_rng(0)
        while at < total:
            size = min(int(rng.integers(1, 700)), total - at)
            ring.write(np.arange(at, at + size, dtype=np.float32))
            at += size

    producer = threading.Thread(target=produce)
    producer.start()
    while producer.is_alive() or len(ring):
        dropped, samples = ring.read(400)
        lost += dropped
        assert samples.tolist() == list(range(lost + len(got), lost + len(got) + len(samples)))
        got += samples.tolist()
    producer.join()
    assert lost + len(got) == total
