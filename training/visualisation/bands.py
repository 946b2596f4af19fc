"""The log-mel bands that are painted on, and music's mean spectrum in them."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streamgenre.networks.logmel import SAMPLE_RATE, filter_bank

LEVEL = -18.0  # dBFS, as music in files often has it
LOW, HIGH = (math.log(1e-5) + 4.5) / 5, 2.2  # log-mel of silence; of the loudest bands in music
FRAME, WINDOW, FFT = 160, 400, 512  # samples, as in the front end (streamgenre/networks/logmel.py)
BANK = filter_bank()
SOUNDING: NDArray[np.intp] = np.flatnonzero(BANK.sum(1))  # above 8 kHz all bands are empty
_CORNER_HZ, _SLOPE_DB = 100.0, -5.0  # from there on the mean spectrum falls so much an octave


def hann() -> NDArray[np.float64]:
    """The front end's window (400,), zero at both ends."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / (WINDOW - 1))


def mean_bands() -> Tensor:
    """Log-mel (SOUNDING,) of steady noise at LEVEL with the mean spectrum of recorded music.

    About -5 dB an octave (Pestana, Ma, Reiss, Barbosa, Black, "Spectral characteristics of popular
    commercial recordings 1950-2010", 2013).
    """
    hz = np.arange(FFT // 2 + 1) * SAMPLE_RATE / FFT
    octaves = np.log2(np.maximum(hz, _CORNER_HZ) / _CORNER_HZ)
    power = 10 ** (_SLOPE_DB * octaves / 10)
    power[0] = 0
    mean = (power.sum() + power[1:-1].sum()) / FFT  # the upper half mirrors the lower
    power *= 10 ** (LEVEL / 10) * (hann() ** 2).sum() / mean
    return torch.tensor((np.log(BANK[SOUNDING] @ power + 1e-5) + 4.5) / 5, dtype=torch.float32)


def band_powers(logmel: Tensor) -> Tensor:
    """Powers of log-mel values: the front end's logarithm undone."""
    return (torch.exp(5 * logmel - 4.5) - 1e-5).clamp_min(0)


def centres() -> NDArray[np.float64]:
    """Middle of each of the SOUNDING bands, in Hz."""
    hz = np.arange(FFT // 2 + 1) * SAMPLE_RATE / FFT
    weights = BANK[SOUNDING]
    return np.asarray(weights @ hz / weights.sum(1), np.float64)


class ShapedNoise:
    """Noise with fixed phases through bands that change: log-mel (SOUNDING, frames) -> samples.

    For networks that read samples: gradients go through it, and no sound of it is far from noise.
    """

    def __init__(self, samples: int, generator: torch.Generator) -> None:
        self.samples, self.window = samples, torch.tensor(hann(), dtype=torch.float32)
        noise = torch.randn(samples + FRAME, generator=generator)
        spectrum = torch.stft(
            noise, FFT, FRAME, WINDOW, self.window, pad_mode="constant", return_complex=True
        )
        self.phases = torch.exp(1j * spectrum.angle())
        bank = torch.tensor(BANK[SOUNDING])
        # Each bin has the power of the bands that it is in, each divided among its bins.
        self.spread = (bank / bank.sum(1, keepdim=True) / bank.sum(0).clamp_min(1e-9)).T

    def __call__(self, logmel: Tensor) -> Tensor:
        """Samples (n,); as many frames as reach over them."""
        power = self.spread @ band_powers(logmel)
        spectrum = torch.sqrt(power + 1e-9) * self.phases[:, : power.shape[1]]
        return torch.istft(spectrum, FFT, FRAME, WINDOW, self.window, length=self.samples)
