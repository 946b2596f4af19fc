"""The work of a step, as counts of calls, frames, operations and bytes instead of noisy times."""

from __future__ import annotations

import tracemalloc
from unittest import mock

import numpy as np
import pytest

import streamgenre
from streamgenre.audio import logmel as numpy_way
from streamgenre.audio.logmel import BANDS, STEP
from streamgenre.model import front
from streamgenre.model.front import LogMelWindow
from streamgenre.model.onnx import OnnxEngine

RATE = 16_000


@pytest.fixture(scope="module")
def model():
    return streamgenre.load()


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).uniform(-0.3, 0.3, 130 * RATE).astype(np.float32)


@pytest.mark.parametrize(("hop", "frames"), [(0.5, 54), (1.25, 129), (2.5, 251)])
def test_a_step_is_one_call_and_computes_only_new_frames(model, noise, hop, frames):
    counted = []

    def count(samples, begin, length, numbered, out):
        counted.append(len(numbered))
        numpy_way.logmel(samples, begin, length, numbered, out)

    made = LogMelWindow(model.card.hop(hop), count)
    with (
        mock.patch.object(OnnxEngine, "front_end", lambda *_: made),
        mock.patch.object(OnnxEngine, "run", autospec=True, side_effect=OnnxEngine.run) as run,
        mock.patch.object(front, "logmel_windows", side_effect=AssertionError),
    ):
        updates = model.stream(hop).feed(noise[: 20 * RATE], RATE)
    assert len(updates) == run.call_count == int(20 / hop)
    assert sum(counted) == frames * len(updates)


def test_the_input_of_the_network_is_not_copied(model, noise):
    seen = []
    run = OnnxEngine.run
    stream = model.stream(0.5)
    with mock.patch.object(
        OnnxEngine, "run", lambda *a: seen.append(a[1].__array_interface__["data"][0]) or run(*a)
    ):
        stream.feed(noise[: 5 * RATE], RATE)
    assert len(seen) == 10 and len(set(seen)) == 1  # one buffer, reused


@pytest.mark.parametrize("hop", [0.5, 1.25, 2.5])
def test_a_step_retains_no_memory(model, noise, hop):
    size = round(hop * RATE)
    stream = model.stream(hop)
    hops = [noise[i * size : (i + 1) * size] for i in range(48)]
    for samples in hops[:16]:
        stream.feed(samples, RATE)
    tracemalloc.start()
    try:
        for samples in hops[16:32]:
            stream.feed(samples, RATE)
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        for samples in hops[32:]:
            stream.feed(samples, RATE)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Python keeps small freed tuples for reuse, which count as allocated; arrays are larger.
    assert after - before < 16 * 800
    # The shifted log-mel frames and 64 frames of the FFT are copied; all other buffers are reused.
    moved = BANDS * (40_000 - size) // STEP * 4
    assert peak - before < 2 * size * 4 + moved + 600_000


def test_a_pool_runs_a_batch_in_one_call(model, noise):
    pool = model.pool(1.25, batch=8, patience=0)
    streams = [pool.stream() for _ in range(16)]
    with mock.patch.object(OnnxEngine, "run", autospec=True, side_effect=OnnxEngine.run) as run:
        for i, stream in enumerate(streams):
            stream.feed(noise[i * RATE :][:20_000], RATE)
        collected = pool.collect()
    assert len(collected) == 16 and run.call_count == 2


def test_the_size_of_the_network_is_bounded(model):
    onnx = pytest.importorskip("onnx", reason="counting needs the train extra")
    from bench.floor import of_model
    from streamgenre.model.cut import without_front_end
    from streamgenre.model.model import read_model

    assert onnx
    cut = without_front_end(read_model(None)[1])
    assert cut is not None
    counted = of_model(cut)
    # The network has 30.6 million; the rest are channels padded with zeros.
    assert counted.macs <= 37.0e6
    assert counted.weight_bytes <= 13e6
