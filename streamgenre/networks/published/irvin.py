"""Recurrent networks over the 22 spectra of a clip, and a two-layer network as their baseline.

Irvin, Chartock, Hollander, "Recurrent Neural Networks with Attention for Genre Classification"
(poster, Stanford, 2016). Clips of 5 s at 4 kHz are 22 x 513 spectrograms. There are two recurrent
layers, either plain (tanh, 125 cells each) or LSTM (250), and the last step is classified; or LSTM
layers (60) with attention, where the final cell state determines the weights of all steps. The
two-layer network has 125 sigmoid units.

Not specified, and chosen here: the details of the spectrogram, derived from its size (scipy's
`spectrogram` with frames of 1024 samples and default arguments gives exactly 22 x 513); the
logarithm of the density, standardised per bin with the training data; the flattened spectrogram as
input of the two-layer network; the size of the attention output, which is that of a layer; no
dropout. The equations begin with a linear map of the input, without its width. Every cell has such
a map, so `projection` adds another one only on request.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ..segment import SegmentNetwork, Standardise
from ..spectrum import PowerSpectrum

RATE, LENGTH = 4_000, 20_000
FFT, HOP = 1_024, 896
SIZES = {("rnn", False): 125, ("lstm", False): 250, ("lstm", True): 60}
"""(cell, attention) -> published number of cells per layer."""
FLOOR = 1e-10  # added before the logarithm


class ScipySpectrogram(nn.Module):
    """samples (B, 20000) -> power density (B, 513, 22), as from scipy.signal.spectrogram.

    Frames of 1024 samples that overlap by an eighth, with their mean removed and a Tukey window of
    0.25. The spectrum is one-sided.
    """

    def __init__(self) -> None:
        super().__init__()
        from scipy.signal import get_window  # type: ignore[import-untyped]

        window = get_window(("tukey", 0.25), FFT)
        self.power = PowerSpectrum(FFT, HOP, window, centred=False)
        self._starts = range(0, LENGTH - FFT + 1, HOP)
        sides = np.full((self.power.bins, 1), 2.0)
        sides[[0, -1]] = 1
        density = torch.tensor(sides / (RATE * np.square(window).sum())).float()
        self.register_buffer("density", density, persistent=False)
        self.density: Tensor

    def forward(self, samples: Tensor) -> Tensor:
        frames = torch.stack([samples[:, start : start + FFT] for start in self._starts], 1)
        level = frames - frames.mean(2, keepdim=True)
        power: Tensor = self.power(level.flatten(0, 1)) * self.density
        return power.view(-1, len(self._starts), self.power.bins).transpose(1, 2)


class _Irvin(SegmentNetwork):
    """Base of networks on log densities (B, 513, 22) of samples (B, 20000) at 4 kHz."""

    def __init__(self, embedding: int) -> None:
        super().__init__(LENGTH, RATE, embedding)
        self.spectrogram = ScipySpectrogram()
        self.bins, self.frames = self.spectrogram.power.bins, 22
        self.standardise = Standardise(self.bins)

    def features(self, samples: Tensor) -> Tensor:
        """Standardised log densities (B, 513, 22)."""
        standardised: Tensor = self.standardise((self.spectrogram(samples) + FLOOR).log())
        return standardised


class Irvin(_Irvin):
    """Two recurrent layers over the spectra, and a linear layer.

    Args:
        classes: number of classes.
        cell: "rnn" or "lstm".
        attention: use attention over the steps; requires "lstm".
        size: cells per layer; None selects the published size.
        projection: width of a linear map of the input, 0 for none.

    Raises ValueError for an unknown cell, attention without LSTM, or sizes out of range.
    """

    def __init__(
        self,
        classes: int,
        cell: str = "lstm",
        attention: bool = False,
        size: int | None = None,
        projection: int = 0,
    ) -> None:
        if (cell, attention) not in SIZES:
            raise ValueError(f"cell must be rnn or lstm, and lstm with attention, not {cell}")
        size = SIZES[cell, attention] if size is None else size
        if size < 1 or projection < 0:
            raise ValueError("size must be at least 1 and projection at least 0")
        super().__init__(size)
        self.projection = nn.Linear(self.bins, projection) if projection else nn.Identity()
        kind = nn.LSTM if cell == "lstm" else nn.RNN
        self.recurrent = kind(projection or self.bins, size, num_layers=2, batch_first=True)
        self.attention = Attention(size) if attention else None
        self.classifier = nn.Linear(size, classes)

    def classify(self, features: Tensor) -> tuple[Tensor, Tensor]:
        outputs, final = self.recurrent(self.projection(features.transpose(1, 2)))
        if self.attention is None:
            embedding = outputs[:, -1]
        else:
            _, cells = final
            embedding = self.attention(outputs, cells[-1])
        return self.classifier(embedding), embedding


class Attention(nn.Module):
    """Outputs (B, T, H) and the top layer's final cell state (B, H) -> (B, H).

    The weight of a step is the similarity of its output to that state (Luong, Pham, Manning 2015).
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.joined = nn.Linear(2 * size, size, bias=False)

    def weights(self, outputs: Tensor, cell: Tensor) -> Tensor:
        """Weights of the steps (B, T), which sum to 1."""
        return torch.softmax((outputs * cell[:, None]).sum(2), 1)

    def forward(self, outputs: Tensor, cell: Tensor) -> Tensor:
        context = (self.weights(outputs, cell)[:, :, None] * outputs).sum(1)
        return torch.tanh(self.joined(torch.cat([context, cell], 1)))


class IrvinTwoLayer(_Irvin):
    """One sigmoid layer over all 11,286 densities, and a linear layer.

    Args:
        classes: number of classes.
        size: units of the sigmoid layer, at least 1.
    """

    def __init__(self, classes: int, size: int = 125) -> None:
        if size < 1:
            raise ValueError(f"size must be at least 1, not {size}")
        super().__init__(size)
        self.hidden = nn.Linear(self.bins * self.frames, size)
        self.classifier = nn.Linear(size, classes)

    def classify(self, features: Tensor) -> tuple[Tensor, Tensor]:
        embedding = torch.sigmoid(self.hidden(features.flatten(1)))
        return self.classifier(embedding), embedding
