"""Log-mel front end inside the network: samples in, bands out.

The bands are those of EfficientAT (Schmid, Koutini, Widmer 2023: 25 ms Hann window every
10 ms, Kaldi mel scale, 0 to 15 kHz), evaluated directly at 16 kHz. Its 0.97 pre-emphasis at
32 kHz is a fixed curve over frequency, so it lives in the filter bank. The transform is a
strided convolution with cosines and sines: exact, and the same operator everywhere.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

SAMPLE_RATE = 16_000
_TRUNK_RATE = 32_000  # the rate that the published bands were defined at
_PRE_EMPHASIS = 0.97
_WINDOW, _HOP, _FFT = 400, 160, 512
_BANDS, _TOP_HZ = 128, 15_000.0


def _mel(hz: np.ndarray | float) -> np.ndarray:
    return 1127.0 * np.log1p(np.asarray(hz, dtype=np.float64) / 700.0)


def filter_bank() -> np.ndarray:
    """Triangles (bands, bins) on the power spectrum at 16 kHz, pre-emphasis and scale included."""
    width = _mel(_TOP_HZ) / (_BANDS + 1)
    low = np.arange(_BANDS)[:, None] * width
    hz = np.arange(_FFT // 2 + 1) * SAMPLE_RATE / _FFT
    mel = _mel(hz)[None]
    triangles = np.maximum(0.0, np.minimum((mel - low) / width, (low + 2 * width - mel) / width))
    omega = 2 * np.pi * hz / _TRUNK_RATE
    pre_emphasis = np.abs(1 - _PRE_EMPHASIS * np.exp(-1j * omega)) ** 2
    # A window at 32 kHz sums twice as many samples: four times the power.
    return np.asarray(triangles * pre_emphasis * 4.0, np.float32)


class LogMel(nn.Module):
    """samples float32 (B, n) in [-1, 1] -> log-mel (B, 1, bands, frames), about -1.4 to 2."""

    def __init__(self) -> None:
        super().__init__()
        t = np.arange(_WINDOW)
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * t / (_WINDOW - 1))
        phase = 2 * np.pi * np.outer(np.arange(_FFT // 2 + 1), t) / _FFT
        basis = np.concatenate([np.cos(phase) * hann, np.sin(phase) * hann])[:, None]
        self.register_buffer("basis", torch.tensor(basis, dtype=torch.float32), persistent=False)
        bank = torch.tensor(filter_bank())[:, :, None]
        self.register_buffer("bank", bank, persistent=False)
        self.basis: Tensor
        self.bank: Tensor

    def power(self, samples: Tensor) -> Tensor:
        """Band powers (B, bands, frames), before the logarithm."""
        # Half a window of silence at both ends: each sample of a step counts, its edges too.
        spectrum = nn.functional.conv1d(
            samples[:, None], self.basis, stride=_HOP, padding=_WINDOW // 2
        )
        real, imaginary = spectrum.chunk(2, dim=1)
        return nn.functional.conv1d(real * real + imaginary * imaginary, self.bank)

    @staticmethod
    def levelled(power: Tensor) -> Tensor:
        """Each window's band powers (B, bands, frames) at a mean of 1, as music in files has it.

        Raised by 30 dB at most: what is near silence stays so.
        """
        return power / power.mean((1, 2), keepdim=True).clamp_min(1e-3)

    @staticmethod
    def log(power: Tensor) -> Tensor:
        return ((torch.log(power + 1e-5) + 4.5) / 5.0)[:, None]

    def forward(self, samples: Tensor) -> Tensor:
        return self.log(self.power(samples))
