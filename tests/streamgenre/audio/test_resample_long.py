"""The resampler over days: no counter overflows, and no phase drifts."""

from __future__ import annotations

import numpy as np
import pytest

from streamgenre.audio.resample import Resampler

BLOCK = 441 * 4_000  # frames; whole periods of the tone, and of the ratio of the rates


@pytest.mark.slow
def test_more_frames_than_32_bits_count():
    """27 hours at 44.1 kHz: every block of a periodic signal gives the same output."""
    resampler = Resampler(44_100, 16_000)
    time = np.arange(BLOCK) / 441  # a tone of 100 Hz and its harmonics
    tone = sum(np.sin(2 * np.pi * k * time) / k for k in (1, 7, 31)).astype(np.float32)
    settled = np.concatenate([resampler.push(tone) for _ in range(4)])
    position, period = len(settled), BLOCK * 160 // 441
    expected = np.tile(np.roll(settled[-period:], position % period), 3)  # from any phase on
    for _ in range(2**32 // BLOCK + 10):
        output = resampler.push(tone)
        first = position % period
        assert np.abs(output - expected[first : first + len(output)]).max() < 1e-4, position
        position += len(output)
    assert position == pytest.approx((2**32 // BLOCK + 14) * period, abs=2_000)
