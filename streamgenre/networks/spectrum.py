"""Spectra of a segment inside the network: frames of a windowed Fourier transform, and mel bands.

Training takes the fast transform; an exported graph takes the same as a strided convolution with
cosines and sines, which is one operator everywhere. librosa gives the mel filters.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

_FAINTEST = 1e-20  # power; far below what a sample of sixteen bits can tell


def magnitudes(power: Tensor) -> Tensor:
    """Square roots of powers; their gradient is finite in silence, too."""
    return power.clamp_min(_FAINTEST).sqrt()


class PowerSpectrum(nn.Module):
    """samples (B, n) -> power (B, fft // 2 + 1, frames).

    Args: `fft` samples a frame, `hop` samples between frames, `window` the frame's weights
    (fft,), Hann where None; `centred`: the first frame's middle is the first sample (half a frame
    of zeros at both ends), 1 + n // hop frames; otherwise 1 + (n - fft) // hop.
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
        """Frames of so many samples."""
        return 1 + (samples // self.hop if self.centred else (samples - self.fft) // self.hop)

    def forward(self, samples: Tensor) -> Tensor:
        if self.centred:
            samples = nn.functional.pad(samples, (self.fft // 2, self.fft // 2))
        if torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
            return self._convolved(samples)
        found = torch.stft(
            samples, self.fft, self.hop, window=self.weights, center=False, return_complex=True
        )
        return found.real.square() + found.imag.square()

    def _convolved(self, samples: Tensor) -> Tensor:
        phase = 2 * np.pi * np.outer(np.arange(self.bins), np.arange(self.fft)) / self.fft
        waves = torch.tensor(np.concatenate([np.cos(phase), np.sin(phase)])).float()
        spectrum = nn.functional.conv1d(
            samples[:, None], (waves * self.weights)[:, None], stride=self.hop
        )
        real, imaginary = spectrum.chunk(2, dim=1)
        return real * real + imaginary * imaginary


class MelSpectrum(nn.Module):
    """samples (B, n) at `rate` Hz -> power in `bands` mel bands (B, bands, frames).

    Slaney's mel scale with filters of equal area, as librosa's default.
    """

    def __init__(self, rate: int, fft: int, hop: int, bands: int, *, centred: bool = True) -> None:
        super().__init__()
        import librosa

        self.power = PowerSpectrum(fft, hop, centred=centred)
        bank = librosa.filters.mel(sr=rate, n_fft=fft, n_mels=bands)
        self.register_buffer("bank", torch.tensor(bank)[:, :, None], persistent=False)
        self.bank: Tensor

    def frames(self, samples: int) -> int:
        """Frames of so many samples."""
        return self.power.frames(samples)

    def forward(self, samples: Tensor) -> Tensor:
        return nn.functional.conv1d(self.power(samples), self.bank)
