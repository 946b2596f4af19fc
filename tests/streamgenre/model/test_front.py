"""The log-mel front end: both kernels agree, and each frame is computed only once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streamgenre
from streamgenre.audio import logmel as numpy_kernel
from streamgenre.audio import logmel_kernel as numba_kernel
from streamgenre.audio.ring import Ring
from streamgenre.model.card import Hop
from streamgenre.model.cut import LOGMEL, without_front_end
from streamgenre.model.front import LogMelWindow, logmel_windows
from streamgenre.model.model import BUNDLED, read_model
from streamgenre.model.onnx import OnnxEngine

WINDOW = 40_000
KERNELS = {"numpy": numpy_kernel.logmel, "numba": numba_kernel.logmel}


@pytest.fixture(scope="module")
def noise():
    """Twelve seconds of noise with changing level, from near silence to full scale."""
    rng = np.random.default_rng(0)
    level = np.repeat(10 ** rng.uniform(-5, -0.3, 24), 8_000)
    return (rng.standard_normal(len(level)) * level).clip(-1, 1).astype(np.float32)


def by_definition(window):
    """Log-mel of a window (samples,) by its definition in float64: (bands, frames)."""
    padded = np.pad(window.astype(np.float64), numpy_kernel.FRAME // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, numpy_kernel.FRAME)[
        :: numpy_kernel.STEP
    ]
    power = np.abs(np.fft.rfft(frames * numpy_kernel.hann(), numpy_kernel.FFT)) ** 2
    return (np.log(numpy_kernel.filter_bank().astype(np.float64) @ power.T + 1e-5) + 4.5) / 5


@pytest.mark.parametrize("kernel", KERNELS)
def test_log_mel_matches_its_definition(kernel, noise):
    for first in (0, 60_000, 120_000):
        window = noise[first : first + WINDOW]
        out = np.empty((numpy_kernel.BANDS, 251), np.float32)
        KERNELS[kernel](window, 0, WINDOW, range(251), out)
        np.testing.assert_allclose(out, by_definition(window), atol=3e-5)


@pytest.mark.parametrize("kernel", KERNELS)
@settings(max_examples=25, deadline=None)
@given(begin=st.integers(0, 9_999), length=st.integers(400, 10_000), first=st.integers(0, 2))
def test_a_window_can_wrap_around_the_ring_buffer(kernel, noise, begin, length, first):
    ring = noise[:10_000]
    count = length // numpy_kernel.STEP + 1 - first
    turned, straight = (np.empty((numpy_kernel.BANDS, count), np.float32) for _ in range(2))
    frames = range(first, first + count)
    KERNELS[kernel](ring, begin, length, frames, turned)
    KERNELS[kernel](np.roll(ring, -begin)[:length].copy(), 0, length, frames, straight)
    np.testing.assert_array_equal(turned, straight)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("new", [160, 8_000, 8_080, 20_000, 39_840, WINDOW])
def test_shared_frames_equal_those_of_a_single_window(kernel, new, noise):
    hop = Hop(new / 16_000, new, WINDOW)
    front, ring = LogMelWindow(hop, KERNELS[kernel]), Ring(2 * new, WINDOW - new)
    whole = np.concatenate([np.zeros(WINDOW, np.float32), noise])
    for step in range(1, min(40, len(noise) // new) + 1):
        assert ring.write(noise[(step - 1) * new : step * new]) == new
        front.read(ring)
        alone = logmel_windows(whole[None, step * new : step * new + WINDOW])
        np.testing.assert_allclose(front.inputs, alone, atol=1e-5)


def test_clear_discards_the_history(noise):
    hop = Hop(0.5, 8_000, WINDOW)
    used, fresh = LogMelWindow(hop, numpy_kernel.logmel), LogMelWindow(hop, numpy_kernel.logmel)
    rings = [Ring(16_000, 32_000) for _ in range(2)]
    for _ in range(3):
        rings[0].write(noise[:8_000])
        used.read(rings[0])
    rings[0].clear()
    used.clear()
    for ring, front in zip(rings, (used, fresh), strict=True):
        ring.write(noise[8_000:16_000])
        front.read(ring)
    np.testing.assert_array_equal(used.inputs, fresh.inputs)


def test_non_finite_samples_become_silence(noise):
    hop, ring = Hop(0.5, 8_000, WINDOW), Ring(16_000, 32_000)
    front = LogMelWindow(hop, numpy_kernel.logmel)
    block = noise[100_000:108_000].copy()
    block[[5, 100, 7_999]] = np.nan, np.inf, -np.inf
    ring.write(block)
    taken = front.read(ring)
    assert taken.non_finite == 3 and np.isfinite(taken.level) and np.isfinite(front.inputs).all()


@pytest.mark.parametrize("name", BUNDLED)
def test_the_graph_without_front_end_agrees_with_the_complete_graph(name, noise):
    card = streamgenre.load(name).card
    data = read_model(name)[1]
    cut = without_front_end(data)
    assert cut is not None and len(cut) < len(data)
    quick, whole = OnnxEngine(data, card), OnnxEngine(data, card, whole=True)
    states = [np.zeros((2, card.state_size), np.float32)] * 2
    for step in range(8):
        windows = np.stack([noise[step * 9_000 :][:WINDOW], noise[::-1][step * 8_000 :][:WINDOW]])
        ours = quick.step(windows, states[0])
        theirs = whole.step(windows, states[1])
        states = [ours.next_state, theirs.next_state]
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(ours.probabilities, theirs.probabilities, atol=1e-5)


def test_a_graph_without_a_logmel_tensor_is_not_cut():
    data = read_model(None)[1]
    assert without_front_end(data.replace(LOGMEL.encode(), b"lagmel")) is None
    assert without_front_end(b"") is None
