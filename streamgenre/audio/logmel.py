"""Log-mel spectrogram of the frames of a window.

The bands are those of EfficientAT (Schmid, Koutini, Widmer 2023: 25 ms Hann window every 10 ms,
Kaldi mel scale, 0 to 15 kHz), evaluated directly at 16 kHz. Its pre-emphasis of 0.97 at 32 kHz is a
fixed curve over frequency and therefore part of the filter bank.
"""

from __future__ import annotations

import threading
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
FRAME, STEP, FFT = 400, 160, 512  # samples
BANDS, TOP_HZ = 128, 15_000.0
EDGE = -(-FRAME // 2 // STEP)  # frames at each end of a window that include zero padding
FLOOR, SHIFT, SCALE = 1e-5, 4.5, 5.0  # the network reads (log(power + FLOOR) + SHIFT) / SCALE
_BACKBONE_RATE = 32_000  # the sample rate that the published bands are defined at
_PRE_EMPHASIS = 0.97

Floats = NDArray[np.float32]


def _mel(hz: NDArray[np.float64] | float) -> NDArray[np.float64]:
    return 1127.0 * np.log1p(np.asarray(hz, dtype=np.float64) / 700.0)


def filter_bank() -> Floats:
    """Triangular filters (bands, bins) on the power spectrum at 16 kHz, pre-emphasis included."""
    width = _mel(TOP_HZ) / (BANDS + 1)
    low = np.arange(BANDS)[:, None] * width
    hz = np.arange(FFT // 2 + 1) * SAMPLE_RATE / FFT
    mel = _mel(hz)[None]
    triangles = np.maximum(0.0, np.minimum((mel - low) / width, (low + 2 * width - mel) / width))
    omega = 2 * np.pi * hz / _BACKBONE_RATE
    pre_emphasis = np.abs(1 - _PRE_EMPHASIS * np.exp(-1j * omega)) ** 2
    # A window at 32 kHz sums twice as many samples, which is four times the power.
    return np.asarray(triangles * pre_emphasis * 4.0, np.float32)


def hann() -> NDArray[np.float64]:
    """The symmetric Hann window (FRAME,)."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / (FRAME - 1))


class _Group(NamedTuple):
    """Adjacent bands, and the bins that they cover."""

    bands: slice
    bins: slice
    weights: Floats  # (bins, bands)


_GROUPS = (0, 48, 80, 100, BANDS)  # bands; most weights of the whole bank are 0
_ROWS = 64
"""Frames at a time: few enough for the cache, and too few for BLAS to use several cores."""


class LogMel(Protocol):
    """An implementation of log-mel: `logmel` here, or the one in logmel_kernel.py."""

    def __call__(
        self, samples: Floats, begin: int, length: int, frames: range, out: Floats
    ) -> None: ...


class _Workspace(threading.local):
    """Buffers, one set per thread, so that a step allocates almost nothing."""

    def __init__(self) -> None:
        bins = FFT // 2 + 1
        self.window = hann().astype(np.float32)
        self.samples = np.zeros(STEP * (_ROWS - 1) + FRAME, np.float32)
        self.framed = sliding_window_view(self.samples, FRAME)[::STEP]
        self.frames = np.zeros((_ROWS, FRAME), np.float32)
        self.spectra = np.zeros((_ROWS, bins), np.complex64)
        self.power = np.zeros((_ROWS, bins), np.float32)
        self.squares = np.zeros((_ROWS, bins), np.float32)
        self.bands = np.zeros((_ROWS, BANDS), np.float32)
        bank = filter_bank()
        self.groups: list[_Group] = []
        for first, end in pairwise(_GROUPS):
            reached = np.flatnonzero(bank[first:end].any(0))
            bins_of = slice(int(reached[0]), int(reached[-1]) + 1)
            weights = np.ascontiguousarray(bank[first:end, bins_of].T)
            self.groups.append(_Group(slice(first, end), bins_of, weights))


_work = _Workspace()


def logmel(samples: Floats, begin: int, length: int, frames: range, out: Floats) -> None:
    """Write log-mel of the given frames of a window to `out` (BANDS, frames), about -1.4 to 2.

    `samples`: float32 (n,) in [-1, 1], finite, at SAMPLE_RATE, used as a ring. The window is the
    `length` samples from index `begin` on, continuing at the front of the array. Frame k is
    centred on the window's sample k * STEP. The window is zero-padded on both sides.
    """
    work = _work
    for done in range(0, len(frames), _ROWS):
        first, rows = (frames.start + done) * STEP - FRAME // 2, min(_ROWS, len(frames) - done)
        _unroll(samples, begin, length, first, work.samples[: STEP * (rows - 1) + FRAME])
        np.multiply(work.framed[:rows], work.window, out=work.frames[:rows])
        spectra, power, squares = work.spectra[:rows], work.power[:rows], work.squares[:rows]
        np.fft.rfft(work.frames[:rows], FFT, out=spectra)  # type: ignore[arg-type]  # single is taken
        np.square(spectra.real, out=power)
        np.square(spectra.imag, out=squares)
        np.add(power, squares, out=power)
        # Always all rows, since BLAS may round differently for another number of rows.
        for group in work.groups:
            np.matmul(work.power[:, group.bins], group.weights, out=work.bands[:, group.bands])
        part = out[:, done : done + _ROWS]
        part[:] = log_scale(work.bands[: part.shape[1]]).T


def _unroll(samples: Floats, begin: int, length: int, first: int, out: Floats) -> None:
    """Copy the window from its sample `first` on, zero-padded on both sides."""
    before, size = max(0, -first), len(samples)
    count = max(0, min(length - max(first, 0), len(out) - before))
    at = (begin + max(first, 0)) % size
    part = min(count, size - at)
    out[:before] = 0.0
    out[before : before + part] = samples[at : at + part]
    out[before + part : before + count] = samples[: count - part]
    out[before + count :] = 0.0


def log_scale(power: Floats) -> Floats:
    """Convert powers to the scale that the network reads, in place."""
    power += np.float32(FLOOR)
    np.log(power, out=power)
    power += np.float32(SHIFT)
    power /= np.float32(SCALE)
    return power


SILENT = float(log_scale(np.zeros(1, np.float32))[0])
"""The value that the network reads for silence."""
