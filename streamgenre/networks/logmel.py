"""Log-mel front end inside the network, as in `streamgenre.audio.logmel`.

The Fourier transform is a strided convolution with cosines and sines, which is exact and available
in every runtime.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..audio.logmel import (
    FFT,
    FLOOR,
    FRAME,
    SAMPLE_RATE,
    SCALE,
    SHIFT,
    SILENT,
    STEP,
    filter_bank,
    hann,
)

__all__ = ["SAMPLE_RATE", "LogMel", "activity", "filter_bank"]

_GREATEST_GAIN = 1e3  # in power; windows near silence stay quiet
_ACTIVE = 0.05  # mean log-mel above silence at which a frame is active, 20 % more power


def activity(logmel: Tensor) -> Tensor:
    """Share (B,) of active frames, 0 to 1, in log-mel (B, 1, bands, frames)."""
    above = logmel.mean((1, 2)) - SILENT
    # A ramp instead of a step, since runtimes round differently.
    return (above / _ACTIVE).clamp(0, 1).mean(1)


class LogMel(nn.Module):
    """samples float32 (B, n) in [-1, 1] -> log-mel (B, 1, bands, frames), about -1.4 to 2."""

    def __init__(self) -> None:
        super().__init__()
        phase = 2 * np.pi * np.outer(np.arange(FFT // 2 + 1), np.arange(FRAME)) / FFT
        basis = np.concatenate([np.cos(phase) * hann(), np.sin(phase) * hann()])[:, None]
        self.register_buffer("basis", torch.tensor(basis, dtype=torch.float32), persistent=False)
        bank = torch.tensor(filter_bank())[:, :, None]
        self.register_buffer("bank", bank, persistent=False)
        self.basis: Tensor
        self.bank: Tensor

    def power(self, samples: Tensor) -> Tensor:
        """Band powers (B, bands, frames), before the logarithm."""
        # Half a frame of zeros at both ends, so that the samples at the edges count in full.
        spectrum = nn.functional.conv1d(
            samples[:, None], self.basis, stride=STEP, padding=FRAME // 2
        )
        real, imaginary = spectrum.chunk(2, dim=1)
        return nn.functional.conv1d(real * real + imaginary * imaginary, self.bank)

    @staticmethod
    def levelled(logmel: Tensor, quietest: float = 0.0, loudest: float = 0.0) -> Tensor:
        """Scale each window of log-mel (B, 1, bands, frames) to a mean band power within a range.

        Windows between `quietest` and `loudest` (dB) do not change. Others are scaled to the nearer
        limit, with a gain of at most 30 dB. The input is logarithmic, so that a runtime can share
        frames between windows.
        """
        power = F.relu(torch.exp(logmel * SCALE - SHIFT) - FLOOR)
        low, high = 10 ** (quietest / 10), 10 ** (loudest / 10)
        mean = power.mean((1, 2, 3), keepdim=True).clamp_min(low / _GREATEST_GAIN)
        power = power * (mean.clamp(low, high) / mean)
        return (torch.log(power + FLOOR) + SHIFT) / SCALE

    @staticmethod
    def log(power: Tensor) -> Tensor:
        return ((torch.log(power + FLOOR) + SHIFT) / SCALE)[:, None]

    def forward(self, samples: Tensor) -> Tensor:
        return self.log(self.power(samples))
