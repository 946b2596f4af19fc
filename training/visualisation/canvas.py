"""What is painted on: a log-mel spectrogram that stays near sounds which there could be.

Gradient ascent on a free input finds noise that no one would take for music. So the input is held
back, as is usual in feature visualisation: it is a deviation from music's mean spectrum, pulled
towards it, smooth over time and bands (total variation), bounded, of one level, and shifted and
disturbed at random whenever it is looked at. What is changed is its two-dimensional spectrum, large
shapes more quickly than small ones (Olah, Mordvintsev, Schubert, "Feature Visualization", 2017).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .bands import BANK, FRAME, HIGH, LOW, SOUNDING, ShapedNoise, band_powers, mean_bands
from .subject import Subject

_START = 0.1  # deviation of the noise that the ascent starts from, in log-mel: 2 dB
_TIME, _BANDS, _PULL = 2.0, 1.0, 0.1  # weights of the penalties, in nats
_ABOVE = (
    0.8  # of the mean spectrum at most, in log-mel, 17 dB: else a single thud has all the level
)
_SHIFT = 20  # frames at most, to either side
_NOISE = 0.1  # deviation, in log-mel
_MARGIN = 16  # bands and frames between one edge and the other, which would else be neighbours
_LARGEST = 0.01  # cycles a band or frame; what is larger than that is changed no more quickly


class Canvas:
    """A log-mel spectrogram of some seconds, and how a network is given it.

    Args: `seconds`, rounded to whole steps of the subject, one at least; `seed` of the noise that
    it starts as. `spectrum` is what is to be changed.
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
        # The scale is such that normal numbers are the start: an optimiser's rates are of them.
        self._scale *= _START / self.deviation().square().mean().sqrt()
        self.spectrum.requires_grad_(True)

    def _normal(self, size: tuple[int, int]) -> Tensor:
        return torch.randn(size, generator=self.generator)

    def deviation(self) -> Tensor:
        """From the mean spectrum (SOUNDING, frames), in log-mel."""
        spectrum = torch.view_as_complex(self.spectrum) * self._scale
        found: Tensor = torch.fft.irfft2(spectrum, s=self._size, norm="ortho")
        return found[: len(self.mean), : self.frames]

    def clear(self) -> None:
        """Paint the mean spectrum."""
        with torch.no_grad():
            self.spectrum.zero_()

    def spread(self, deviation: float) -> None:
        """Bring the root mean square of the deviation to a value."""
        with torch.no_grad():
            found = self.deviation().square().mean().sqrt()
            self.spectrum *= deviation / found.clamp_min(1e-12)

    def logmel(self) -> Tensor:
        """What is painted (SOUNDING, frames): bounded, its mean power that of the mean spectrum."""
        painted = (self.mean + self.deviation().clamp(max=_ABOVE)).clamp_min(LOW)
        level = band_powers(painted).sum(0).mean()
        return (painted - torch.log(level / self._level) / 5).clamp(LOW, HIGH)

    def disturbed(self, logmel: Tensor) -> Tensor:
        """Shifted by a few frames and with a little noise, another time otherwise."""
        shift = int(torch.randint(-_SHIFT, _SHIFT + 1, (1,), generator=self.generator))
        noise = self._normal((len(self.mean), self.frames))
        return logmel.roll(shift, 1) + _NOISE * noise

    def penalty(self) -> Tensor:
        """How far it is from smooth and from the mean spectrum, in nats."""
        d = self.deviation()
        time, bands = d.diff(dim=1).abs().mean(), d.diff(dim=0).abs().mean()
        return _TIME * time + _BANDS * bands + _PULL * d.square().mean()

    def given(self, logmel: Tensor) -> Tensor:
        """What the subject reads step by step: powers (T, bands, frames) or samples (T, window)."""
        hop, window = self.hop.samples, self.hop.window
        if self.noise is not None:
            return F.pad(self.noise(logmel), (window - hop, 0)).unfold(0, window, hop)
        powers = torch.zeros(len(BANK), self.frames).index_copy(
            0, self._sounding, band_powers(logmel)
        )
        before = (window - hop) // FRAME  # silence, before the first sample
        frames = window // FRAME + 1
        steps = F.pad(powers, (before, 0)).unfold(1, frames, hop // FRAME).transpose(0, 1)
        # Of the frames at a window's ends, half is beyond it.
        halved = torch.ones(frames)
        halved[[0, -1]] = 0.5
        return steps * halved
