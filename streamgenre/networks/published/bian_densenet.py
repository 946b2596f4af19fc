"""A densely connected 1-D convolution network over a log-mel segment.

Bian, Wang, Zhuang, Yang, Wang, Xiao, "Audio-Based Music Classification with DenseNet and Data
Augmentation" (PRICAI 2019), after Huang, Liu, van der Maaten, Weinberger, "Densely Connected
Convolutional Networks" (CVPR 2017): what a layer reads is joined with what it gives.

Only the abstract of the paper was at hand, so most is chosen: input and kernel are those of the
plain network (bian.py); a block is two convolutions of kernel 4, each with batch norm and ReLU
behind it and its input joined to its output, as in a public re-implementation; between blocks a
1 x 1 convolution halves the channels and an average pool of 2 the frames. Five blocks, as the
plain network has five convolutions; each convolution adds 128 channels, the width of the plain
network's first; the mean over the last 8 frames goes to the classes, as with Huang et al. That
makes 1.8 million parameters, near the plain network's 1.6. Dropout: none.
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

    Args: `classes`; `growth`, channels that each convolution adds.
    """

    def __init__(self, classes: int, growth: int = GROWTH) -> None:
        if classes < 1 or growth < 1:
            raise ValueError(f"classes and growth are positive, not {classes} and {growth}")
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
