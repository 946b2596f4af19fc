"""The log-mel bands of the canvas, and the mean spectrum of music in them."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streamgenre.networks.logmel import SAMPLE_RATE, filter_bank

LEVEL = -18.0  # dBFS, a typical level of music files
LOW, HIGH = (math.log(1e-5) + 4.5) / 5, 2.2  # log-mel of silence, and of the loudest music bands
FRAME, WINDOW, FFT = 160, 400, 512  # samples, as in the front end (streamgenre/networks/logmel.py)
BANK = filter_bank()
SOUNDING: NDArray[np.intp] = np.flatnonzero(BANK.sum(1))  # bands above 8 kHz are empty
_CORNER_HZ, _SLOPE_DB = 100.0, -5.0  # slope per octave of the mean spectrum above the corner


def hann() -> NDArray[np.float64]:
    """The window of the front end (400,), zero at both ends."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / (WINDOW - 1))


def mean_bands() -> Tensor:
    """Log-mel (SOUNDING,) of stationary noise at LEVEL with the mean spectrum of recorded music.

    The slope is about -5 dB per octave (Pestana, Ma, Reiss, Barbosa, Black, "Spectral
    characteristics of popular commercial recordings 1950-2010", 2013).
    """
    hz = np.arange(FFT // 2 + 1) * SAMPLE_RATE / FFT
    octaves = np.log2(np.maximum(hz, _CORNER_HZ) / _CORNER_HZ)
    power = 10 ** (_SLOPE_DB * octaves / 10)
    power[0] = 0
    mean = (power.sum() + power[1:-1].sum()) / FFT  # includes the negative frequencies
    power *= 10 ** (LEVEL / 10) * (hann() ** 2).sum() / mean
    return torch.tensor((np.log(BANK[SOUNDING] @ power + 1e-5) + 4.5) / 5, dtype=torch.float32)


def band_powers(logmel: Tensor) -> Tensor:
    """Powers from log-mel values: the inverse of the logarithm of the front end."""
    return (torch.exp(5 * logmel - 4.5) - 1e-5).clamp_min(0)


def centres() -> NDArray[np.float64]:
    """Centre frequency of each of the SOUNDING bands, in Hz."""
    hz = np.arange(FFT // 2 + 1) * SAMPLE_RATE / FFT
    weights = BANK[SOUNDING]
    return np.asarray(weights @ hz / weights.sum(1), np.float64)


class ShapedNoise:
    """Noise with fixed phases and given bands: log-mel (SOUNDING, frames) -> samples.

    Differentiable, for networks that read samples. The result always resembles noise.
    """

    def __init__(self, samples: int, generator: torch.Generator) -> None:
        self.samples, self.window = samples, torch.tensor(hann(), dtype=torch.float32)
        noise = torch.randn(samples + FRAME, generator=generator)
        spectrum = torch.stft(
            noise, FFT, FRAME, WINDOW, self.window, pad_mode="constant", return_complex=True
        )
        self.phases = torch.exp(1j * spectrum.angle())
        bank = torch.tensor(BANK[SOUNDING])
        # The power of each band is distributed over its bins.
        self.spread = (bank / bank.sum(1, keepdim=True) / bank.sum(0).clamp_min(1e-9)).T

    def __call__(self, logmel: Tensor) -> Tensor:
        """Samples (n,); uses as many frames as they need."""
        power = self.spread @ band_powers(logmel)
        spectrum = torch.sqrt(power + 1e-9) * self.phases[:, : power.shape[1]]
        return torch.istft(spectrum, FFT, FRAME, WINDOW, self.window, length=self.samples)
