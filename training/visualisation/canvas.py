"""The input to optimise: a log-mel spectrogram that is constrained to plausible sounds.

Unconstrained gradient ascent results in noise. As usual in feature visualisation, the input is
regularised: it is a deviation from the mean spectrum of music that is penalised for its size and
for variation over time and bands (total variation), bounded, normalised in level, and randomly
shifted and disturbed in every evaluation. Its two-dimensional Fourier spectrum is optimised, with
higher rates for low frequencies (Olah, Mordvintsev, Schubert, "Feature Visualization", 2017).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .bands import BANK, FRAME, HIGH, LOW, SOUNDING, ShapedNoise, band_powers, mean_bands
from .subject import Subject

_START = 0.1  # standard deviation of the initial noise, in log-mel: 2 dB
_TIME, _BANDS, _PULL = 2.0, 1.0, 0.1  # weights of the penalties, in nats
_ABOVE = (
    0.8  # bound above the mean spectrum, in log-mel, 17 dB; otherwise one short burst dominates
)
_SHIFT = 20  # frames, largest random shift
_NOISE = 0.1  # standard deviation of the random disturbance, in log-mel
_MARGIN = 16  # bands and frames of padding, because the spectrum is periodic
_LARGEST = 0.01  # cycles per band or frame below which the rate does not increase


class Canvas:
    """A log-mel spectrogram and its conversion to the input of a network.

    Args:
        subject: the network.
        seconds: duration, rounded to whole steps of the subject, at least one.
        seed: of the initial noise.

    `spectrum` is the parameter to optimise.
    """

    def __init__(self, subject: Subject, seconds: float, seed: int) -> None:
        self.subject, self.hop = subject, subject.hop
        self.steps = max(1, round(seconds / self.hop.seconds))
        self.samples = self.steps * self.hop.samples
        self.frames = -(-self.samples // FRAME) + 1
        self.generator = torch.Generator().manual_seed(seed)
        self.mean = mean_bands()[:, None]
        self._level = band_powers(self.mean).sum()
        self._sounding = torch.tensor(SOUNDING)
        self.noise = None if subject.reads_bands else ShapedNoise(self.samples, self.generator)
        self._size = (len(self.mean) + _MARGIN, self.frames + _MARGIN)
        across, along = torch.fft.fftfreq(self._size[0]), torch.fft.rfftfreq(self._size[1])
        self._scale = 1 / torch.hypot(across[:, None], along[None]).clamp_min(_LARGEST)
        start = torch.fft.rfft2(self._normal(self._size), norm="ortho")
        self.spectrum = torch.view_as_real(start).clone()
        # Scaled such that the parameters are standard normal, which suits the optimiser's rate.
        self._scale *= _START / self.deviation().square().mean().sqrt()
        self.spectrum.requires_grad_(True)

    def _normal(self, size: tuple[int, int]) -> Tensor:
        return torch.randn(size, generator=self.generator)

    def deviation(self) -> Tensor:
        """Deviation from the mean spectrum (SOUNDING, frames), in log-mel."""
        spectrum = torch.view_as_complex(self.spectrum) * self._scale
        deviation: Tensor = torch.fft.irfft2(spectrum, s=self._size, norm="ortho")
        return deviation[: len(self.mean), : self.frames]

    def clear(self) -> None:
        """Reset to the mean spectrum."""
        with torch.no_grad():
            self.spectrum.zero_()

    def spread(self, deviation: float) -> None:
        """Scale the deviation to a root mean square."""
        with torch.no_grad():
            rms = self.deviation().square().mean().sqrt()
            self.spectrum *= deviation / rms.clamp_min(1e-12)

    def logmel(self) -> Tensor:
        """The spectrogram (SOUNDING, frames), bounded, with the power of the mean spectrum."""
        painted = (self.mean + self.deviation().clamp(max=_ABOVE)).clamp_min(LOW)
        level = band_powers(painted).sum(0).mean()
        return (painted - torch.log(level / self._level) / 5).clamp(LOW, HIGH)

    def disturbed(self, logmel: Tensor) -> Tensor:
        """A spectrogram with a random shift of a few frames and a little random noise."""
        shift = int(torch.randint(-_SHIFT, _SHIFT + 1, (1,), generator=self.generator))
        noise = self._normal((len(self.mean), self.frames))
        return logmel.roll(shift, 1) + _NOISE * noise

    def penalty(self) -> Tensor:
        """Penalty for roughness and for the distance from the mean spectrum, in nats."""
        d = self.deviation()
        time, bands = d.diff(dim=1).abs().mean(), d.diff(dim=0).abs().mean()
        return _TIME * time + _BANDS * bands + _PULL * d.square().mean()

    def given(self, logmel: Tensor) -> Tensor:
        """Input of each step: powers (T, bands, frames) or samples (T, window)."""
        hop, window = self.hop.samples, self.hop.window
        if self.noise is not None:
            return F.pad(self.noise(logmel), (window - hop, 0)).unfold(0, window, hop)
        powers = torch.zeros(len(BANK), self.frames).index_copy(
            0, self._sounding, band_powers(logmel)
        )
        before = (window - hop) // FRAME  # silence before the first sample
        frames = window // FRAME + 1
        steps = F.pad(powers, (before, 0)).unfold(1, frames, hop // FRAME).transpose(0, 1)
        # Half of the first and last frame of a window is outside of it.
        halved = torch.ones(frames)
        halved[[0, -1]] = 0.5
        return steps * halved
