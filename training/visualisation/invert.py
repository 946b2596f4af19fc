"""Inversion of log-mel: bin powers by non-negative least squares, phases by Griffin-Lim.

The inverse mel spectrogram of librosa supports its own filters only, and this front end includes a
pre-emphasis (streamgenre/networks/logmel.py). So its two parts are used separately:
`librosa.util.nnls`, and Griffin-Lim (Griffin, Lim, "Signal estimation from modified short-time
Fourier transform", 1984).
"""

from __future__ import annotations

import librosa
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .bands import BANK, FFT, FRAME, SOUNDING, WINDOW, band_powers, hann

_NNLS_ITERATIONS, _NNLS_MEMORY = 50, 5
_GRIFFIN_LIM_ITERATIONS = 64


def bin_powers(logmel: Tensor) -> NDArray[np.float64]:
    """Powers (257, frames) with the bands of a log-mel spectrogram (SOUNDING, frames)."""
    bands = np.maximum(band_powers(logmel.double()).numpy(), 1e-9)
    bank = BANK[SOUNDING].astype(np.float64)
    # Normalise all bands and frames; otherwise the loudest ones would dominate.
    rows, frames = bands.mean(1, keepdims=True), bands.mean(0, keepdims=True)
    scaled = bank / rows
    bins = 1 / np.sqrt(np.square(scaled).sum(0) + 1e-12)
    powers = librosa.util.nnls(
        scaled * bins, bands / rows / frames, maxiter=_NNLS_ITERATIONS, m=_NNLS_MEMORY
    )
    return np.asarray(bins[:, None] * powers * frames)


def sound_of(logmel: Tensor, samples: int, seed: int) -> NDArray[np.float32]:
    """Samples (n,) at 16 kHz, of any level, from a log-mel spectrogram (SOUNDING, frames)."""
    return np.asarray(
        librosa.griffinlim(
            np.sqrt(bin_powers(logmel)).astype(np.float32),
            n_iter=_GRIFFIN_LIM_ITERATIONS,
            hop_length=FRAME,
            win_length=WINDOW,
            n_fft=FFT,
            window=hann(),
            length=samples,
            random_state=seed,
        ),
        np.float32,
    )
