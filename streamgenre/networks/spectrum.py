"""Spectra of a segment inside the network: short-time Fourier transform and mel bands.

Training uses the FFT. An exported graph uses a strided convolution with cosines and sines instead,
which every runtime supports. The mel filters are those of librosa.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

_FAINTEST = 1e-20  # power; far below the resolution of 16-bit samples


def magnitudes(power: Tensor) -> Tensor:
    """Square roots of powers, with a finite gradient at silence."""
    return power.clamp_min(_FAINTEST).sqrt()


class PowerSpectrum(nn.Module):
    """samples (B, n) -> power (B, fft // 2 + 1, frames).

    Args:
        fft: samples per frame.
        hop: samples between frames.
        window: weights (fft,) of a frame; None selects a Hann window.
        centred: pad half a frame of zeros at both ends, which gives 1 + n // hop frames;
            otherwise there are 1 + (n - fft) // hop frames.
    """

    def __init__(
        self, fft: int, hop: int, window: np.ndarray | None = None, *, centred: bool = True
    ) -> None:
        super().__init__()
        self.fft, self.hop, self.centred = fft, hop, centred
        self.bins = fft // 2 + 1
        weights = torch.hann_window(fft) if window is None else torch.tensor(window).float()
        self.register_buffer("weights", weights, persistent=False)
        self.weights: Tensor

    def frames(self, samples: int) -> int:
        """Number of frames of a number of samples."""
        return 1 + (samples // self.hop if self.centred else (samples - self.fft) // self.hop)

    def forward(self, samples: Tensor) -> Tensor:
        if self.centred:
            samples = nn.functional.pad(samples, (self.fft // 2, self.fft // 2))
        if torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
            return self._convolved(samples)
        spectrum = torch.stft(
            samples, self.fft, self.hop, window=self.weights, center=False, return_complex=True
        )
        return spectrum.real.square() + spectrum.imag.square()

    def _convolved(self, samples: Tensor) -> Tensor:
        phase = 2 * np.pi * np.outer(np.arange(self.bins), np.arange(self.fft)) / self.fft
        waves = torch.tensor(np.concatenate([np.cos(phase), np.sin(phase)])).float()
        spectrum = nn.functional.conv1d(
            samples[:, None], (waves * self.weights)[:, None], stride=self.hop
        )
        real, imaginary = spectrum.chunk(2, dim=1)
        return real * real + imaginary * imaginary


class MelSpectrum(nn.Module):
    """samples (B, n) at `rate` Hz -> power in mel bands (B, bands, frames).

    Slaney's mel scale with filters of equal area, as by default in librosa.
    """

    def __init__(self, rate: int, fft: int, hop: int, bands: int, *, centred: bool = True) -> None:
        super().__init__()
        import librosa

        self.power = PowerSpectrum(fft, hop, centred=centred)
        bank = librosa.filters.mel(sr=rate, n_fft=fft, n_mels=bands)
        self.register_buffer("bank", torch.tensor(bank)[:, :, None], persistent=False)
        self.bank: Tensor

    def frames(self, samples: int) -> int:
        """Number of frames of a number of samples."""
        return self.power.frames(samples)

    def forward(self, samples: Tensor) -> Tensor:
        return nn.functional.conv1d(self.power(samples), self.bank)
