"""Residual convolutions on the raw waveform, over overlapping segments.

Allamy & Koerich, "1D CNN Architectures for Music Genre Classification" (IEEE SSCI 2021): the
outputs of overlapping segments are joined for a track. The layers are those of a public
re-implementation that names the paper and stops two blocks short; here nine blocks, each pooled by
three, bring 3^10 samples down to one position.

Where the description is silent: the rate (22.05 kHz, so 2.68 s), half a segment of overlap, the
rectifiers' leak (0.01), the initial weights (torch's defaults), the samples' scale (standardised:
nothing normalises what the shortcuts carry), and how segments are joined (the mean of their
probabilities, no majority vote). Blocks that widen have no shortcut, as in that re-implementation;
another projects it in every block.

Contradicted: from 76 to 81 % on GTZAN artificial training clips lead as one retelling has it (of
which kind is not told: artificial.py), the joining of segments as the abstract reads.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from ..segment import SegmentNetwork, Standardise
from .samplecnn import LENGTH, RATE

_DROPOUT = 0.25


class Allamy(SegmentNetwork):
    """Segments of 59,049 samples at 22.05 kHz, half of each repeated; embedding (B, 4 width).

    Args: `classes`; `width` of the first layers (128 as published), which all others follow;
    `overlap`: share of a segment that the next one repeats, where a track is read as published.
    """

    def __init__(self, classes: int, width: int = 128, overlap: float = 0.5) -> None:
        if classes < 2 or width < 1:
            raise ValueError(f"two classes and one channel at least, not {classes} and {width}")
        if not 0 <= overlap < 1:
            raise ValueError(f"overlap is a share from 0 to below 1, not {overlap}")
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
        """The standardised samples as one channel (B, 1, length)."""
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
    """Two convolutions, the second of which may widen, a shortcut if it does not; pooled by 3."""

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
