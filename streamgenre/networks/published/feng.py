"""A bidirectional GRU and a convolution network side by side on a spectrogram.

Feng, Liu, Yao, "Music Genre Classification with Paralleling Recurrent Convolutional Neural
Network" (arXiv:1712.08370, 2017). Input: 128 frames of 512 bins. Recurrent branch: bins pooled by
2, a linear embedding of 128 per frame, one bidirectional GRU of 128 per direction, its two final
states joined to 256. Convolution branch: five layers, 3 frames by 1 bin, pools of 2, 2, 2, 4, 4 in
both directions, 256 values at the end. Both joined, 512, go to one linear layer.

The recurrent branch is as retold. Not checked against the paper's text: the convolution branch
(layers, kernels, pools, filters 16, 32, 64, 128, 64; for it speaks that it ends at 256 as the other
does; a public re-implementation has 64 for 128), the one layer behind both, which the abstract has
fused before the softmax, and segments of 3 s that overlap by half.

Where the description is silent: the transform (here 22.05 kHz, Hann frames of 1024 every 512
samples, of which exactly 128 fit into 3 s; the uppermost of 513 bins left out; log(1 + magnitude)),
the embedding's activation (none), dropout (none). A retelling calls the GRU one layer and
"stacked": one here. `zero_weights` follows Kim & Nam, "Temporal Feedback Convolutional Recurrent
Neural Networks" (MIREX 2019), whose GRU "weights start at zero".
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
    """Set all weights of a layer to zero, biases too."""
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
        # On a processor a training step takes two thirds of the time in this order.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in its types


class Feng(SegmentNetwork):
    """The recurrent branch, the convolution branch, or both.

    Args: `classes`; `branches`, "rnn", "cnn" or "both"; `width`, by which all hidden sizes are
    multiplied; `zero_weights`: the GRU's weights start at zero.
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
            raise ValueError(f"branches is one of {get_args(Branches)}, not {branches!r}")
        if classes < 1 or round(min(FILTERS) * width) < 1:
            raise ValueError(f"classes and width are positive, not {classes} and {width}")
        if zero_weights and branches == "cnn":
            raise ValueError("zero_weights needs the recurrent branch")
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
