"""Recurrent networks over 22 spectra of a clip, and the two-layer network they are compared with.

Irvin, Chartock, Hollander, "Recurrent Neural Networks with Attention for Genre Classification"
(poster, Stanford, 2016): clips of 5 s at 4 kHz as 22 x 513 spectrograms; two recurrent layers,
plain (tanh, 125 cells each) or LSTM (250), classified from the last step; or LSTM (60) with
attention, where the final cell state weighs the outputs of all steps. The two-layer network has
125 sigmoid units.

Silent, and chosen here: the spectrogram's details, from its size (scipy's `spectrogram` of 1024
samples with everything else at its default gives 22 x 513 exactly); the logarithm of the density,
every bin standardised with the training data; the two-layer network reads the spectrogram flat;
attention's output is as wide as a layer; no dropout. The equations begin with a linear map of the
input, its width not told and whether it counts as a layer neither: every cell has such a map of
its own, so `projection` adds another only where asked for.
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
"""(cell, attention) -> published cells in a layer."""
FLOOR = 1e-10  # under the logarithm


class ScipySpectrogram(nn.Module):
    """samples (B, 20000) -> power density (B, 513, 22), that of scipy.signal.spectrogram.

    Frames of 1024 samples less their mean, an eighth overlapped, under a Tukey window of 0.25; one
    side of the spectrum, doubled for the other.
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
    """samples (B, 20000) at 4 kHz -> logarithms of densities (B, 513, 22), standardised."""

    def __init__(self, embedding: int) -> None:
        super().__init__(LENGTH, RATE, embedding)
        self.spectrogram = ScipySpectrogram()
        self.bins, self.frames = self.spectrogram.power.bins, 22
        self.standardise = Standardise(self.bins)

    def features(self, samples: Tensor) -> Tensor:
        """Logarithms (B, 513, 22)."""
        found: Tensor = self.standardise((self.spectrogram(samples) + FLOOR).log())
        return found


class Irvin(_Irvin):
    """Two recurrent layers over the spectra, and a linear layer.

    Args: `classes`; `cell`: rnn or lstm; `attention` over the steps, of an lstm; `size`: cells in
    a layer, None: as published; `projection`: width of a linear map before them, 0: none.
    ValueError for another cell, attention without a cell state, or sizes out of range.
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
            raise ValueError(f"cell is rnn or lstm, and attention needs lstm; not {cell}")
        size = SIZES[cell, attention] if size is None else size
        if size < 1 or projection < 0:
            raise ValueError("size is 1 at least, projection 0 at least")
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

    A step weighs as much as its output resembles that state (Luong, Pham, Manning 2015).
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.joined = nn.Linear(2 * size, size, bias=False)

    def weights(self, outputs: Tensor, cell: Tensor) -> Tensor:
        """Of the steps (B, T), 1 together."""
        return torch.softmax((outputs * cell[:, None]).sum(2), 1)

    def forward(self, outputs: Tensor, cell: Tensor) -> Tensor:
        context = (self.weights(outputs, cell)[:, :, None] * outputs).sum(1)
        return torch.tanh(self.joined(torch.cat([context, cell], 1)))


class IrvinTwoLayer(_Irvin):
    """One layer of sigmoids over all 11,286 densities, and a linear layer.

    Args: `classes`; `size` of the layer, 1 at least (ValueError).
    """

    def __init__(self, classes: int, size: int = 125) -> None:
        if size < 1:
            raise ValueError(f"size is 1 at least, not {size}")
        super().__init__(size)
        self.hidden = nn.Linear(self.bins * self.frames, size)
        self.classifier = nn.Linear(size, classes)

    def classify(self, features: Tensor) -> tuple[Tensor, Tensor]:
        embedding = torch.sigmoid(self.hidden(features.flatten(1)))
        return self.classifier(embedding), embedding
