"""Resampling of a step from 16 kHz to the sample rate of a published network.

Band-limited interpolation as a strided convolution (Smith, "Digital Audio Resampling", CCRMA 2002),
with a Hann-windowed sinc and one row of the kernel per phase. It is part of the network, so that
all networks get the same 16 kHz samples. Networks published at a higher rate get no energy above
8 kHz.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from ..audio.logmel import SAMPLE_RATE

_ZERO_CROSSINGS = 16  # of the sinc on each side; -0.5 dB at 0.95 of the lower Nyquist frequency
_ROLL_OFF = 0.97  # half-amplitude frequency, relative to the lower Nyquist frequency


class Resample(nn.Module):
    """samples (B, window) at 16 kHz -> (B, length) at `rate` Hz, of the same duration."""

    def __init__(self, rate: int, length: int) -> None:
        super().__init__()
        common = math.gcd(rate, SAMPLE_RATE)
        self._up, self._down = rate // common, SAMPLE_RATE // common
        self.length = length
        self.window = -(-length * self._down // self._up)
        """Number of 16 kHz samples from which `length` samples are computed."""
        band = _ROLL_OFF * min(1.0, rate / SAMPLE_RATE)  # of 8 kHz
        self._side = math.ceil(_ZERO_CROSSINGS / band)
        at = (
            np.arange(self._up)[:, None] * self._down / self._up
        )  # of the phases, in 16 kHz samples
        distance = np.arange(-self._side, self._down + self._side)[None] - at
        lobes = distance * band
        hann = np.cos(np.pi / 2 * lobes / _ZERO_CROSSINGS) ** 2
        # Exact zeros at and beyond the ends. Rounding errors there would give subnormal products,
        # which are ten times slower.
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
