"""Residual network with a waveform, a spectrum, or both as input.

Benito, Pacheco, a course report on genre classification of FMA small with the nnet2 of Zhang et al.
The input is the first 10^6 samples of a clip at 44.1 kHz (22.7 s), or segments of 128 frames
(2.97 s) that overlap by half. The spectrum branch has 1025 magnitudes every 1024 samples, and
kernels over 4 frames and all bins, with 256 features. The waveform branch is a convolution with the
same stride. With both inputs, each branch has 128 features, and they are concatenated. Two more
convolutions follow, with a shortcut from the first output to the third, then maximum and mean. ELU,
no dropout (0.2 was tried). All first layers give 974 steps for the whole clip and 125 for a
segment.

The report contradicts itself in three places. The transform is given as 4048 samples, but 1025 bins
imply 2048. Table 3 has other results for the spectrum (0.469, 0.423) and zeros for both inputs; the
results of Tables 1 and 2 are used. "974/s" steps for one of s segments is not an integer (121.75
for eight segments, 125 here).

Not specified, and chosen here: the waveform kernel of 3072 samples (longer ones, such as the 5120
samples that four centred frames span, are padded to the same number of steps); the residual and
dense layers, as in nnet2; no standardisation of samples and magnitudes, since batch norm follows
the first layer.
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
"""Samples -> number of steps after the first layer."""
UNPADDED = 3_072  # samples; longer waveform kernels are padded on both sides
_INPUTS = ("1d", "2d", "both")
_ACTIVATIONS: dict[str, type[nn.Module]] = {"elu": nn.ELU, "relu": nn.ReLU}


class Benito(SegmentNetwork):
    """samples (B, length) at 44.1 kHz -> genres.

    Args:
        classes: number of classes.
        inputs: "1d" (waveform), "2d" (spectrum) or "both".
        whole: read 10^6 samples at once instead of segments.
        activation: "elu" or "relu".
        dropout: dropout of the dense layers.
        kernel: kernel of the waveform convolution in samples.
        width: factor on all hidden layers.
        stride: stride of the waveform convolution; must be the default unless `inputs` is "1d".

    Raises ValueError for an unknown name, a value out of range, or a kernel that does not give the
    published number of steps.
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
            raise ValueError(
                f"inputs must be one of {_INPUTS} and activation one of {tuple(_ACTIVATIONS)}"
            )
        length = WHOLE if whole else SEGMENT
        padding = max(0, kernel - UNPADDED + 1) // 2
        if stride != HOP and inputs != "1d":
            raise ValueError("another stride requires inputs='1d'")
        if stride == HOP and (length + 2 * padding - kernel) // HOP + 1 != STEPS[length]:
            raise ValueError(f"kernel must give {STEPS[length]} steps, {kernel} samples do not")
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
        """The inputs in one row (B, ...): the samples, then the magnitudes bin by bin."""
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
        outputs: tuple[Tensor, Tensor] = self.dense(self.residual(torch.cat(first, 1)))
        return outputs
