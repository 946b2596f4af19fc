"""A step's samples brought from 16 kHz to the rate that a published network was written for.

Band-limited interpolation as a strided convolution (Smith, "Digital Audio Resampling", CCRMA 2002):
a sinc under a Hann window, one row of the kernel for each phase. Inside the network, so that every
system hears the same samples, and the exported step takes 16 kHz like all others. What was
published at a higher rate finds nothing above 8 kHz.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from ..audio.logmel import SAMPLE_RATE

_ZERO_CROSSINGS = 16  # of the sinc on each side: 0.5 dB at 0.95 of the narrower band's edge
_ROLL_OFF = 0.97  # where the filter has fallen by half, of the narrower band


class Resample(nn.Module):
    """samples (B, n) at 16 kHz -> (B, length) at `rate` Hz, the same stretch of time."""

    def __init__(self, rate: int, length: int) -> None:
        super().__init__()
        common = math.gcd(rate, SAMPLE_RATE)
        self._up, self._down = rate // common, SAMPLE_RATE // common
        self.length = length
        self.window = -(-length * self._down // self._up)
        """16 kHz samples that `length` samples are made of."""
        band = _ROLL_OFF * min(1.0, rate / SAMPLE_RATE)  # of 8 kHz
        self._side = math.ceil(_ZERO_CROSSINGS / band)
        at = (
            np.arange(self._up)[:, None] * self._down / self._up
        )  # of the phases, in 16 kHz samples
        distance = np.arange(-self._side, self._down + self._side)[None] - at
        lobes = distance * band
        hann = np.cos(np.pi / 2 * lobes / _ZERO_CROSSINGS) ** 2
        # Zero at and beyond its ends: what rounding leaves there makes products with samples
        # subnormal, on which a processor is ten times slower.
        hann[np.abs(lobes) >= _ZERO_CROSSINGS] = 0.0
        kernel = band * np.sinc(lobes) * hann
        self.register_buffer(
            "kernel", torch.tensor(kernel[:, None], dtype=torch.float32), persistent=False
        )
        self.kernel: Tensor

    def forward(self, samples: Tensor) -> Tensor:
        if self._up == self._down:
            return samples[:, : self.length]
        blocks = -(-self.length // self._up)
        behind = blocks * self._down - self.window + self._side
        padded = nn.functional.pad(samples[:, None], (self._side, behind))
        phases = nn.functional.conv1d(padded, self.kernel, stride=self._down)
        return phases.transpose(1, 2).flatten(1)[:, : self.length]
