"""The residual network with a waveform, a spectrum, or both, at its entrance.

Benito, Pacheco, a course report on telling the genres of FMA small with Zhang and others' nnet2:
the first 10^6 samples of a clip at 44.1 kHz (22.7 s), or segments of 128 frames (2.97 s), half
overlapped. Spectrum: 1025 magnitudes every 1024 samples, kernels of 4 frames and all bins, 256
features. Waveform: a convolution of the same step. Both: 128 features of each, side by side. Two
more convolutions, the first output added to the third, maximum and mean; ELU, no dropout (0.2 was
tried). All first layers give 974 steps of the whole clip, 125 of a segment.

Contradicted: the transform is said to have 4048 samples; its 1025 bins are those of 2048. Table 3
has other figures of the spectrum (0.469, 0.423) and zeros for both inputs: those of Tables 1 and 2
are taken. "974/s" steps in one of s segments are no whole number (121.75 of eight; here 125).

Silent, and chosen here: the waveform's kernel of 3072 samples (a longer one, such as the 5120 that
four centred frames span, is padded to the same number of steps); the residual and the dense layers,
as in nnet2; samples and magnitudes as they are, since batch norm follows the first layer.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..segment import SegmentNetwork
from ..spectrum import PowerSpectrum, magnitudes
from .zhang import DENSE, KERNEL, Dense, Residual, scaled

RATE, FFT, HOP = 44_100, 2_048, 1_024
WHOLE, SEGMENT = 10**6, 130_977  # samples: 22.7 s and 2.97 s
STEPS = {WHOLE: 974, SEGMENT: 125}
"""Samples -> steps that every first layer gives."""
UNPADDED = 3_072  # samples; a longer kernel of the waveform is padded on both sides
_INPUTS = ("1d", "2d", "both")
_ACTIVATIONS: dict[str, type[nn.Module]] = {"elu": nn.ELU, "relu": nn.ReLU}


class Benito(SegmentNetwork):
    """samples (B, length) at 44.1 kHz -> genres.

    Args: `classes`; `inputs`: 1d (waveform), 2d (spectrum) or both; `whole`: 10^6 samples at once,
    otherwise segments; `activation`: elu or relu; `dropout` of the dense layers; `kernel` of the
    waveform in samples; `width` scales all hidden layers; `stride` of the waveform's convolution,
    another than the spectrum's only where it stands alone. ValueError for an unknown name, a value
    out of range, or a kernel that does not give the published steps.
    """

    def __init__(
        self,
        classes: int,
        inputs: str = "both",
        whole: bool = False,
        activation: str = "elu",
        dropout: float = 0.0,
        kernel: int = UNPADDED,
        width: float = 1.0,
        stride: int = HOP,
    ) -> None:
        if inputs not in _INPUTS or activation not in _ACTIVATIONS:
            raise ValueError(f"inputs is one of {_INPUTS}, activation of {tuple(_ACTIVATIONS)}")
        length = WHOLE if whole else SEGMENT
        padding = max(0, kernel - UNPADDED + 1) // 2
        if stride != HOP and inputs != "1d":
            raise ValueError("the stride is the spectrum's where there is one")
        if stride == HOP and (length + 2 * padding - kernel) // HOP + 1 != STEPS[length]:
            raise ValueError(f"a kernel of {kernel} samples does not give {STEPS[length]} steps")
        super().__init__(length, RATE, scaled(DENSE[-1], width))
        self.overlap = 0.0 if whole else 0.5
        kernels = 1 if inputs != "both" else 2
        each = scaled(256 // kernels, width)
        self._samples = length if inputs != "2d" else 0
        self.wave = nn.Conv1d(1, each, kernel, stride, padding) if inputs != "2d" else None
        self.power = PowerSpectrum(FFT, HOP)
        self._frames = self.power.frames(length)
        self.spectrum = nn.Conv1d(self.power.bins, each, KERNEL) if inputs != "1d" else None
        channels = each * kernels
        self.residual = Residual(channels, _ACTIVATIONS[activation])
        self.dense = Dense(2 * channels, classes, width, dropout, _ACTIVATIONS[activation])

    def features(self, samples: Tensor) -> Tensor:
        """One row (B, ...) of the samples and then the magnitudes, bin by bin: those it reads."""
        read = [] if self.wave is None else [samples]
        if self.spectrum is not None:
            read.append(magnitudes(self.power(samples)).flatten(1))
        return torch.cat(read, 1)

    def classify(self, features: Tensor) -> tuple[Tensor, Tensor]:
        first = []
        if self.wave is not None:
            first.append(self.wave(features[:, None, : self._samples]))
        if self.spectrum is not None:
            magnitudes = features[:, self._samples :].reshape(-1, self.power.bins, self._frames)
            first.append(self.spectrum(magnitudes))
        found: tuple[Tensor, Tensor] = self.dense(self.residual(torch.cat(first, 1)))
        return found
