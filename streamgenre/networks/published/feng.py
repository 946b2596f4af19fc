"""A bidirectional GRU and a convolutional network in parallel on a spectrogram.

Feng, Liu, Yao, "Music Genre Classification with Paralleling Recurrent Convolutional Neural
Network" (arXiv:1712.08370, 2017). The input is 128 frames of 512 bins. The recurrent branch pools
bins by 2, embeds each frame in 128 dimensions, and runs one bidirectional GRU of 128 per direction,
whose two final states have 256 values. The convolutional branch has five layers with kernels of
3 frames by 1 bin and pooling by 2, 2, 2, 4, 4 in both directions, which gives 256 values. Both are
concatenated to 512 values and classified by one linear layer.

The recurrent branch follows a secondary source. Not verified against the text of the paper: the
convolutional branch (layers, kernels, poolings, filters 16, 32, 64, 128, 64; its 256 outputs match
the other branch, but a public re-implementation has 64 instead of 128 filters), the single layer
after both branches, which the abstract fuses before the softmax, and segments of 3 s that overlap
by half.

Not specified, and chosen here: the transform (22.05 kHz, Hann frames of 1024 samples every 512, of
which exactly 128 fit into 3 s; without the uppermost of 513 bins; log(1 + magnitude)), the
activation of the embedding (none), and dropout (none). A secondary source calls the GRU both
"stacked" and a single layer; here it is a single layer. `zero_weights` follows Kim & Nam, "Temporal
Feedback Convolutional Recurrent Neural Networks" (MIREX 2019), whose GRU "weights start at zero".
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..segment import SegmentNetwork
from ..spectrum import PowerSpectrum, magnitudes

RATE, FFT, HOP, FRAMES = 22_050, 1024, 512, 128
LENGTH = 3 * RATE
BINS = 512
FILTERS, POOLS = (16, 32, 64, 128, 64), (2, 2, 2, 4, 4)
_EMBEDDED = _STATE = 128

Branches = Literal["rnn", "cnn", "both"]


class LogSpectrogram(nn.Module):
    """samples (B, 66150) at 22.05 kHz -> log(1 + magnitude) (B, 128 frames, 513 bins)."""

    def __init__(self) -> None:
        super().__init__()
        self.power = PowerSpectrum(FFT, HOP, centred=False)

    def forward(self, samples: Tensor) -> Tensor:
        return torch.log1p(magnitudes(self.power(samples))).transpose(1, 2)


def zero(layer: nn.Module) -> None:
    """Set all weights and biases of a layer to zero."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)


class RecurrentBranch(nn.Module):
    """Spectrogram (B, frames, 512) -> final states of both directions (B, 2 x size)."""

    def __init__(self, embedded: int, size: int, zero_weights: bool) -> None:
        super().__init__()
        self.embed = nn.Linear(BINS // 2, embedded)
        self.gru = nn.GRU(embedded, size, batch_first=True, bidirectional=True)
        if zero_weights:
            zero(self.gru)

    def forward(self, x: Tensor) -> Tensor:
        _, final = self.gru(self.embed(F.max_pool1d(x, 2)))
        return torch.cat([final[0], final[1]], 1)


class ConvolutionBranch(nn.Sequential):
    """Spectrogram (B, 1, 128, 512) -> (B, filters, 1, 4)."""

    def __init__(self, filters: list[int]) -> None:
        super().__init__(
            *(
                nn.Sequential(
                    nn.Conv2d(inputs, outputs, (3, 1), padding=(1, 0)),
                    nn.ReLU(),
                    nn.MaxPool2d(pool),
                )
                for inputs, outputs, pool in zip([1, *filters], filters, POOLS, strict=False)
            )
        )
        # In this memory format, a training step on a CPU takes two thirds of the time.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in its types


class Feng(SegmentNetwork):
    """The recurrent branch, the convolutional branch, or both.

    Args:
        classes: number of classes.
        branches: "rnn", "cnn" or "both".
        width: factor on all hidden sizes.
        zero_weights: initialise the weights of the GRU with zeros.
    """

    overlap = 0.5

    def __init__(
        self,
        classes: int,
        branches: Branches = "both",
        width: float = 1.0,
        zero_weights: bool = False,
    ) -> None:
        if branches not in get_args(Branches):
            raise ValueError(f"branches must be one of {get_args(Branches)}, not {branches!r}")
        if classes < 1 or round(min(FILTERS) * width) < 1:
            raise ValueError(f"classes and width must be positive, not {classes} and {width}")
        if zero_weights and branches == "cnn":
            raise ValueError("zero_weights requires the recurrent branch")
        filters, state = [round(n * width) for n in FILTERS], round(_STATE * width)
        sizes = {"rnn": 2 * state, "cnn": 4 * filters[-1]}
        embedding = sum(sizes.values()) if branches == "both" else sizes[branches]
        super().__init__(LENGTH, RATE, embedding)
        self.spectrogram = LogSpectrogram()
        self.rnn = (
            None
            if branches == "cnn"
            else RecurrentBranch(round(_EMBEDDED * width), state, zero_weights)
        )
        self.cnn = None if branches == "rnn" else ConvolutionBranch(filters)
        self.classifier = nn.Linear(embedding, classes)

    def features(self, samples: Tensor) -> Tensor:
        """See SegmentNetwork: (B, 128, 512)."""
        spectrogram: Tensor = self.spectrogram(samples)
        return spectrogram[:, :, :BINS]

    def classify(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """See SegmentNetwork."""
        parts = []
        if self.cnn is not None:
            parts.append(self.cnn(features[:, None]).flatten(1))
        if self.rnn is not None:
            parts.append(self.rnn(features))
        embedding = torch.cat(parts, 1)
        return self.classifier(embedding), embedding
