"""Log-mel front end inside the network: samples in, bands out.

The bands of `streamgenre.audio.logmel`. The transform is a strided convolution with cosines and
sines: exact, and the same operator everywhere.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ..audio.logmel import (
    FFT,
    FLOOR,
    FRAME,
    SAMPLE_RATE,
    SCALE,
    SHIFT,
    STEP,
    filter_bank,
    hann,
)

__all__ = ["SAMPLE_RATE", "LogMel", "filter_bank"]


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
        # Half a window of silence at both ends: each sample of a step counts, its edges too.
        spectrum = nn.functional.conv1d(
            samples[:, None], self.basis, stride=STEP, padding=FRAME // 2
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
        return ((torch.log(power + FLOOR) + SHIFT) / SCALE)[:, None]

    def forward(self, samples: Tensor) -> Tensor:
        return self.log(self.power(samples))
