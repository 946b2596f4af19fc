"""Residual convolutions on the raw waveform, over overlapping segments.

Allamy & Koerich, "1D CNN Architectures for Music Genre Classification" (IEEE SSCI 2021). The
outputs of overlapping segments are combined for a track. The layers are those of a public
re-implementation that cites the paper, which has two blocks fewer. Here, nine blocks with pooling
by three reduce 3^10 samples to one position.

Not specified, and chosen here: the sample rate (22.05 kHz, which gives 2.68 s), the overlap (half a
segment), the slope of the leaky ReLU (0.01), the initial weights (PyTorch's defaults), the scale of
the samples (standardised, since the shortcuts are not normalised), and the aggregation of segments
(mean probability, not a majority vote). Blocks that change the number of channels have no shortcut,
as in that re-implementation; another one has a projection in every block.

Sources disagree on what raises the accuracy on GTZAN from 76 to 81 %: artificial training clips of
an unspecified kind (see artificial.py) according to one summary, the aggregation of segments
according to the abstract.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from ..segment import SegmentNetwork, Standardise
from .samplecnn import LENGTH, RATE

_DROPOUT = 0.25


class Allamy(SegmentNetwork):
    """Segments of 59,049 samples at 22.05 kHz that overlap by half; embedding (B, 4 width).

    Args:
        classes: number of classes.
        width: channels of the first layers (128 as published); scales all others.
        overlap: overlap of consecutive segments as a share of their length.
    """

    def __init__(self, classes: int, width: int = 128, overlap: float = 0.5) -> None:
        if classes < 2 or width < 1:
            raise ValueError(f"classes must be at least 2 and width 1, not {classes} and {width}")
        if not 0 <= overlap < 1:
            raise ValueError(f"overlap must be at least 0 and below 1, not {overlap}")
        widths = [width] + [2 * width] * 6 + [4 * width] * 2
        super().__init__(LENGTH, RATE, widths[-1])
        self.overlap = overlap
        self.standardise = Standardise()
        self.stem = nn.Conv1d(1, width, 3, stride=3)
        inputs = [width, *widths]
        self.blocks = nn.ModuleList(Block(i, o) for i, o in zip(inputs, widths, strict=False))
        self.last = nn.Conv1d(widths[-1], widths[-1], 1)
        self.classifier = nn.Linear(widths[-1], classes)

    def features(self, samples: Tensor) -> Tensor:
        """Standardised samples as one channel (B, 1, length)."""
        standardised: Tensor = self.standardise(samples[:, None])
        return standardised

    def classify(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """See SegmentNetwork."""
        x = self.stem(features)
        for block in self.blocks:
            x = block(x)
        embedding = self.last(x).mean(2)
        return self.classifier(embedding), embedding


class Block(nn.Module):
    """Two convolutions, a shortcut if the number of channels stays the same, and pooling by 3."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convolved = nn.Sequential(
            nn.Conv1d(inputs, inputs, 3, padding=1),
            nn.BatchNorm1d(inputs),
            nn.LeakyReLU(),
            nn.Dropout(_DROPOUT),
            nn.Conv1d(inputs, outputs, 3, padding=1),
            nn.BatchNorm1d(outputs),
        )
        self.widens = inputs != outputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.convolved(x)
        return F.max_pool1d(F.leaky_relu(y if self.widens else x + y), 3)
