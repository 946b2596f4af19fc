"""nnet1 and nnet2: convolutions over entire spectra, with max and mean pooling in parallel.

Zhang, Lei, Xu, Xing, "Improved Music Genre Classification with Convolutional Neural Networks"
(Interspeech 2016). The input is 128 frames of magnitudes of a short-time Fourier transform at
22.05 kHz (1024 samples with half overlap), in segments that overlap by half. Each kernel of the
first layer spans 4 frames and all 513 bins. nnet2 adds the output of the first layer to that of the
third.

The 256 channels and the padding of nnet2 come from the public code of a similar network,
AlbertoSaretto/Music-Genre-Recognition. Not verified against the text of the paper: the input, which
secondary sources describe in part; channels and poolings of nnet1; the dense layers of 300 and 150
units. Not specified, and chosen here: no padding of frames, so that 3 s give 128; log(1 +
magnitude), standardised per bin with the training data; batch norm after the convolutions of nnet1
as well; dropout of 0.2 after the first two dense layers.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn

from ..segment import SegmentNetwork, Standardise
from ..spectrum import PowerSpectrum, magnitudes

RATE, FFT, HOP = 22_050, 1_024, 512
LENGTH = 3 * RATE  # 128 frames
KERNEL = 4  # frames, for every convolution
DENSE = (300, 150)


def scaled(size: int, width: float) -> int:
    """A published layer size times `width`. Raises ValueError unless `width` is positive."""
    if width <= 0:
        raise ValueError(f"width must be positive, not {width}")
    return max(1, round(size * width))


class Residual(nn.Module):
    """Output (B, N, T) of the first convolution -> maximum and mean (B, 2N).

    Applies two more convolutions and adds the output of the first layer to that of the third.
    """

    def __init__(self, channels: int, activation: type[nn.Module]) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.BatchNorm1d(channels), activation())
        self.rest = nn.Sequential(
            nn.Conv1d(channels, channels, KERNEL, padding=2),  # one frame longer
            nn.BatchNorm1d(channels),
            activation(),
            nn.Conv1d(channels, channels, KERNEL, padding=1),  # one frame shorter
            nn.BatchNorm1d(channels),
        )
        self.activation = activation()

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        return both_pools(self.activation(x + self.rest(x)))


def both_pools(x: Tensor) -> Tensor:
    """Maximum and mean over time, (B, N, T) -> (B, 2N)."""
    return torch.cat([x.amax(2), x.mean(2)], 1)


class Dense(nn.Module):
    """Pooled channels (B, N) -> logits (B, classes) and embedding (B, E)."""

    def __init__(
        self, inputs: int, classes: int, width: float, dropout: float, activation: type[nn.Module]
    ) -> None:
        super().__init__()
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, not {dropout}")
        wide, narrow = (scaled(size, width) for size in DENSE)
        self.layers = nn.Sequential(
            nn.Linear(inputs, wide),
            activation(),
            nn.Dropout(dropout),
            nn.Linear(wide, narrow),
            activation(),
            nn.Dropout(dropout),
        )
        self.classifier = nn.Linear(narrow, classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        embedding = self.layers(x)
        return self.classifier(embedding), embedding


class _Zhang(SegmentNetwork):
    """samples (B, 66150) at 22.05 kHz -> 128 frames of 513 magnitudes -> convolutions -> genres.

    Args:
        classes: number of classes.
        width: factor on all hidden layers.
        dropout: dropout of the dense layers.

    Raises ValueError for a width or dropout out of range.
    """

    overlap = 0.5

    def __init__(self, classes: int, width: float = 1.0, dropout: float = 0.2) -> None:
        super().__init__(LENGTH, RATE, scaled(DENSE[-1], width))
        self.spectrum = PowerSpectrum(FFT, HOP, centred=False)
        self.standardise = Standardise(self.spectrum.bins)
        channels = scaled(256, width)
        self.body = self._body(width, channels)
        self.dense = Dense(2 * channels, classes, width, dropout, nn.ReLU)

    @abstractmethod
    def _body(self, width: float, channels: int) -> nn.Module:
        """The layers from the spectrum (B, 513, 128) to pooled channels (B, 2 * channels)."""

    def features(self, samples: Tensor) -> Tensor:
        """Standardised log(1 + magnitude) (B, 513, 128)."""
        standardised: Tensor = self.standardise(magnitudes(self.spectrum(samples)).log1p())
        return standardised

    def classify(self, features: Tensor) -> tuple[Tensor, Tensor]:
        outputs: tuple[Tensor, Tensor] = self.dense(self.body(features))
        return outputs


class NNet1(_Zhang):
    """The plain network: three convolutions, pooling by 2 after the first two; see _Zhang."""

    def _body(self, width: float, channels: int) -> nn.Module:
        half = scaled(128, width)
        return nn.Sequential(
            *_layer(self.spectrum.bins, half),
            nn.MaxPool1d(2),
            *_layer(half, half),
            nn.MaxPool1d(2),
            *_layer(half, channels),
            _Pools(),
        )


class NNet2(_Zhang):
    """The residual network: a shortcut from the first convolution to the third; see _Zhang."""

    def _body(self, width: float, channels: int) -> nn.Module:
        first = nn.Conv1d(self.spectrum.bins, channels, KERNEL)
        return nn.Sequential(first, Residual(channels, nn.ReLU))


class _Pools(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return both_pools(x)


def _layer(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    return nn.Conv1d(inputs, outputs, KERNEL), nn.BatchNorm1d(outputs), nn.ReLU()
