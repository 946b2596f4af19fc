"""1-D convolutions over a log-mel segment, its bands the channels.

Bian, Wang, Zhuang, Yang, Wang, Xiao, "Audio-Based Music Classification with DenseNet and Data
Augmentation" (PRICAI 2019): the plain network that its DenseNet is compared with. Five convolutions
of kernel 4 over 128 frames, batch norm, ReLU, pools of 4, 4, 4, 2 and 1, then 1024 units and the
classes. Tracks are cut into segments that overlap ("time overlapping"). Left out: the abstract's
second augmentation, pitch shift. Of the paper the abstract was at hand; the layers' sizes are those
of a retelling.

Where the description is silent: what the 128 x 128 spectrogram is (here log-mel in dB, 22.05 kHz,
frames of 2048 samples every 512, none of them across the segment's edge), the input's scale
(standardised as a whole), how much segments overlap (half), channels (128, 128, 256, 256, 512) and
dropout (none). "Same" padding is forced: without it nothing is left for the last layers. The paper
stacks an SVM on the outputs of several networks; here the softmax is the output.
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
    """Zeros that keep the length under the even kernel: one before, two behind."""
    return nn.ConstantPad1d(((KERNEL - 1) // 2, KERNEL // 2), 0.0)


class LogMelSegment(SegmentNetwork):
    """Segment network on a standardised log-mel spectrogram (B, 128 bands, 128 frames)."""

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

    Args: `classes`; `width`, by which all channels and hidden units are multiplied.
    """

    def __init__(self, classes: int, width: float = 1.0) -> None:
        if classes < 1 or round(min(CHANNELS) * width) < 1:
            raise ValueError(f"classes and width are positive, not {classes} and {width}")
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
