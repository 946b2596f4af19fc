"""Log-mel front end inside the network: samples in, bands out.

The bands of `streamgenre.audio.logmel`. The transform is a strided convolution with cosines and
sines: exact, and the same operator everywhere.
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

_QUIETEST = 1e-3  # mean band power that is brought to 1; what is near silence stays near silence
_ACTIVE = 0.05  # mean log-mel of a frame above that of silence: an increase of a fifth in power


def activity(logmel: Tensor) -> Tensor:
    """Share (B,) of the frames of log-mel (B, 1, bands, frames) that are not silent, 0 to 1."""
    loud = logmel.mean((1, 2)) > SILENT + _ACTIVE
    return loud.to(logmel.dtype).mean(1)


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
    def levelled(logmel: Tensor) -> Tensor:
        """Each window's log-mel (B, 1, bands, frames) at a mean band power of 1.

        Computed from the logarithms, so that a runtime can share frames between windows. The gain
        is at most 30 dB.
        """
        power = F.relu(torch.exp(logmel * SCALE - SHIFT) - FLOOR)
        power = power / power.mean((1, 2, 3), keepdim=True).clamp_min(_QUIETEST)
        return (torch.log(power + FLOOR) + SHIFT) / SCALE

    @staticmethod
    def log(power: Tensor) -> Tensor:
        return ((torch.log(power + FLOOR) + SHIFT) / SCALE)[:, None]

    def forward(self, samples: Tensor) -> Tensor:
        return self.log(self.power(samples))
