"""1-D convolutions over a log-mel segment, with bands as channels.

Bian, Wang, Zhuang, Yang, Wang, Xiao, "Audio-Based Music Classification with DenseNet and Data
Augmentation" (PRICAI 2019): the plain network that is the baseline of the DenseNet. It has five
convolutions with kernel 4 over 128 frames, batch norm, ReLU and pooling by 4, 4, 4, 2 and 1, then
1024 units and the classes. Tracks are divided into overlapping segments ("time overlapping"). The
second augmentation of the abstract, pitch shift, is omitted. Only the abstract of the paper was
available; the sizes of the layers come from a secondary source.

Not specified, and chosen here: the 128 x 128 spectrogram (log-mel in dB at 22.05 kHz, frames of
2048 samples every 512, without padding), the scale of the input (standardised as a whole), the
overlap of segments (half), the channels (128, 128, 256, 256, 512) and dropout (none). Padding must
be "same", since no frames would remain for the last layers otherwise. The paper stacks an SVM on
the outputs of several networks; here, the softmax is the output.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..segment import SegmentNetwork, Standardise
from ..spectrum import MelSpectrum

RATE, FFT, HOP, BANDS, FRAMES = 22_050, 2048, 512, 128, 128
LENGTH = (FRAMES - 1) * HOP + FFT  # samples: 3.04 s
CHANNELS, POOLS, HIDDEN = (128, 128, 256, 256, 512), (4, 4, 4, 2, 1), 1024
KERNEL = 4
_FLOOR = 1e-10  # of power: -100 dB


def same_padding() -> nn.Module:
    """Zero padding that keeps the length with the even kernel: one before, two after."""
    return nn.ConstantPad1d(((KERNEL - 1) // 2, KERNEL // 2), 0.0)


class LogMelSegment(SegmentNetwork):
    """Base of segment networks on a standardised log-mel spectrogram (B, 128 bands, 128 frames)."""

    overlap = 0.5

    def __init__(self, embedding: int) -> None:
        super().__init__(LENGTH, RATE, embedding)
        self.mel = MelSpectrum(RATE, FFT, HOP, BANDS, centred=False)
        self.standardise = Standardise()

    def features(self, samples: Tensor) -> Tensor:
        """See SegmentNetwork."""
        decibels: Tensor = self.standardise(10 * torch.log10(self.mel(samples).clamp_min(_FLOOR)))
        return decibels


class Bian(LogMelSegment):
    """The plain 1-D CNN.

    Args:
        classes: number of classes.
        width: factor on all channels and hidden units.
    """

    def __init__(self, classes: int, width: float = 1.0) -> None:
        if classes < 1 or round(min(CHANNELS) * width) < 1:
            raise ValueError(f"classes and width must be positive, not {classes} and {width}")
        sizes = [BANDS, *(round(channels * width) for channels in CHANNELS)]
        hidden = round(HIDDEN * width)
        super().__init__(hidden)
        self.blocks = nn.Sequential(
            *(
                nn.Sequential(
                    same_padding(),
                    nn.Conv1d(inputs, outputs, KERNEL),
                    nn.BatchNorm1d(outputs),
                    nn.ReLU(),
                    nn.MaxPool1d(pool),
                )
                for inputs, outputs, pool in zip(sizes, sizes[1:], POOLS, strict=False)
            )
        )
        self.hidden = nn.Linear(sizes[-1], hidden)
        self.classifier = nn.Linear(hidden, classes)

    def classify(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """See SegmentNetwork."""
        embedding = torch.relu(self.hidden(self.blocks(features).flatten(1)))
        return self.classifier(embedding), embedding
