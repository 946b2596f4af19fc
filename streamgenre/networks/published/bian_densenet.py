"""A densely connected 1-D convolutional network over a log-mel segment.

Bian, Wang, Zhuang, Yang, Wang, Xiao, "Audio-Based Music Classification with DenseNet and Data
Augmentation" (PRICAI 2019), after Huang, Liu, van der Maaten, Weinberger, "Densely Connected
Convolutional Networks" (CVPR 2017): the input of each layer is concatenated with its output.

Only the abstract of the paper was available, so most details are chosen here. Input and kernel are
those of the plain network (bian.py). A block has two convolutions with kernel 4, each followed by
batch norm and ReLU, with its input concatenated to its output, as in a public re-implementation.
Between blocks, a 1 x 1 convolution halves the channels and an average pooling halves the frames.
There are five blocks, as the plain network has five convolutions. Each convolution adds 128
channels, the width of the first layer of the plain network. The mean over the last 8 frames is
classified, as in Huang et al. This gives 1.8 million parameters, close to the 1.6 million of the
plain network. There is no dropout.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .bian import BANDS, KERNEL, LogMelSegment, same_padding

BLOCKS, LAYERS, GROWTH = 5, 2, 128


class DenseLayer(nn.Module):
    """x (B, C, frames) -> x and `growth` new channels (B, C + growth, frames)."""

    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            same_padding(), nn.Conv1d(inputs, growth, KERNEL), nn.BatchNorm1d(growth), nn.ReLU()
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.layers(x)], 1)


def _transition(channels: int) -> nn.Module:
    """Half the channels, half the frames."""
    return nn.Sequential(
        nn.Conv1d(channels, channels // 2, 1),
        nn.BatchNorm1d(channels // 2),
        nn.ReLU(),
        nn.AvgPool1d(2),
    )


class BianDenseNet(LogMelSegment):
    """The 1-D DenseNet.

    Args:
        classes: number of classes.
        growth: channels that each convolution adds.
    """

    def __init__(self, classes: int, growth: int = GROWTH) -> None:
        if classes < 1 or growth < 1:
            raise ValueError(f"classes and growth must be positive, not {classes} and {growth}")
        parts: list[nn.Module] = []
        channels = BANDS
        for block in range(BLOCKS):
            if block:
                parts.append(_transition(channels))
                channels //= 2
            layers = [DenseLayer(channels + i * growth, growth) for i in range(LAYERS)]
            parts.append(nn.Sequential(*layers))
            channels += LAYERS * growth
        super().__init__(channels)
        self.parts = nn.Sequential(*parts)
        self.classifier = nn.Linear(channels, classes)

    def classify(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """See SegmentNetwork."""
        embedding = self.parts(features).mean(2)
        return self.classifier(embedding), embedding
