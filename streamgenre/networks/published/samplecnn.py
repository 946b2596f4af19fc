"""SampleCNN: small convolutions on raw samples.

Lee, Park, Kim, Nam, "Sample-level Deep Convolutional Neural Networks for Music Auto-tagging Using
Raw Waveforms" (SMC 2017) and its code (jongpillee/sampleCNN, tae-jun/sample-cnn). The input is 3^10
samples at 22.05 kHz (2.68 s). All kernels and poolings have length three, down to a single
position. The five stages of the learning rate in the code, each from the best weights of the
previous one, are a single decay here (literature/rows).

Not specified, and chosen here: the output layer has a softmax for a single genre, instead of
sigmoids for fifty tags (as in the authors' later code for keywords); samples are not standardised,
since the first normalisation removes any scale; the constants of the normalisations are PyTorch's
defaults.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from ..segment import SegmentNetwork

LENGTH, RATE = 3**10, 22_050  # 2.68 s


def block_widths(width: int = 128, length: int = LENGTH) -> list[int]:
    """Channels of the blocks, doubled at the third and at the last one.

    There are as many blocks as needed to leave at most two positions.

    >>> block_widths()
    [128, 128, 256, 256, 256, 256, 256, 256, 512]
    """
    count = 0  # divisions by three, without the stem
    while 3 ** (count + 2) <= length:
        count += 1
    return [width * (1 + (i >= 2)) * (1 + (i == count - 1)) for i in range(count)]


class SampleCNN(SegmentNetwork):
    """Consecutive segments of 59,049 samples at 22.05 kHz; embedding (B, 4 width).

    Args:
        classes: number of classes.
        width: channels of the first layers (128 as published); scales all others.
    """

    def __init__(self, classes: int, width: int = 128) -> None:
        if classes < 2 or width < 1:
            raise ValueError(f"classes must be at least 2 and width 1, not {classes} and {width}")
        widths = block_widths(width)
        super().__init__(LENGTH, RATE, widths[-1])
        self.stem = _convolution(1, width, 3, stride=3)
        inputs = [width, *widths]
        self.blocks = nn.ModuleList(
            _convolution(i, o, 3, padding=1) for i, o in zip(inputs, widths, strict=False)
        )
        self.last = _convolution(widths[-1], widths[-1], 1)
        self.dropout = nn.Dropout(0.5)
        self.classifier = nn.Linear(widths[-1], classes)
        for module in self.modules():
            if isinstance(module, nn.Conv1d):
                nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
                assert module.bias is not None
                nn.init.zeros_(module.bias)
        nn.init.xavier_uniform_(self.classifier.weight)
        nn.init.zeros_(self.classifier.bias)

    def features(self, samples: Tensor) -> Tensor:
        """Samples as one channel (B, 1, length)."""
        return samples[:, None]

    def classify(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """See SegmentNetwork."""
        x = self.stem(features)
        for block in self.blocks:
            x = F.max_pool1d(block(x), 3)
        embedding = self.last(x).flatten(1)
        return self.classifier(self.dropout(embedding)), embedding


def _convolution(
    inputs: int, outputs: int, kernel: int, *, stride: int = 1, padding: int = 0
) -> nn.Sequential:
    """Convolution, batch norm and ReLU."""
    return nn.Sequential(
        nn.Conv1d(inputs, outputs, kernel, stride, padding), nn.BatchNorm1d(outputs), nn.ReLU()
    )
