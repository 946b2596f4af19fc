"""The later form of SampleCNN, with shortcuts, gates and features of several levels.

Kim, Lee, Nam, "Comparison and Analysis of SampleCNN Architectures for Audio Classification" (IEEE
Journal of Selected Topics in Signal Processing 2019) and its code (tae-jun/sampleaudio). The blocks
were introduced in "Sample-level CNN Architectures for Music Auto-tagging Using Raw Waveforms"
(ICASSP 2018). The code of that paper multiplies the hidden size of the gates by 16; here they are
divided by 8, as in 2019. Weights are initialised as in the 2019 code, whose limit contains the
number of input channels squared and is thus narrower than that of He et al. The five stages of the
learning rate are a single decay here (literature/rows).

It is not specified which variant Kim & Nam used for genres in the same year. The defaults here are
the authors' usual input, 59,049 samples at 22.05 kHz, and basic blocks of one level. 39,366 samples
at 16 kHz are closer to the 2.5 s of their recurrent networks. Samples are standardised with the
training data. The constants of the normalisations are PyTorch's defaults.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..segment import SegmentNetwork, Standardise
from .samplecnn import LENGTH, RATE, block_widths

BLOCKS = ("basic", "se", "res-1", "res-2", "rese-1", "rese-2")
SHORTEST = 3**5  # samples, enough for four blocks
_SQUEEZE = 8
_LEVELS = 3


class SampleCNN2019(SegmentNetwork):
    """Consecutive segments of 59,049 samples at 22.05 kHz; embedding (B, 4 width or 8 width).

    Args:
        classes: number of classes.
        width: channels of the first layers (128 as published); scales all others.
        block: "basic", "se", "res-1", "res-2", "rese-1" or "rese-2"; the number is the number of
            convolutions.
        multi: classify the maxima of the last three blocks instead of the last one.
        length: samples; determines the number of blocks.
        rate: sample rate in Hz.
    """

    def __init__(
        self,
        classes: int,
        width: int = 128,
        block: str = "basic",
        multi: bool = False,
        length: int = LENGTH,
        rate: int = RATE,
    ) -> None:
        if block not in BLOCKS:
            raise ValueError(f"block must be one of {', '.join(BLOCKS)}, not {block!r}")
        if classes < 2 or width < _SQUEEZE:
            raise ValueError(f"classes must be at least 2 and width at least {_SQUEEZE}")
        if length < SHORTEST or rate < 1:
            raise ValueError(f"length must be at least {SHORTEST} samples and rate positive")
        widths = block_widths(width, length)
        self.levels = _LEVELS if multi else 1
        joined = sum(widths[-self.levels :])
        super().__init__(length, rate, joined)
        self.standardise = Standardise()
        self.stem = nn.Sequential(nn.Conv1d(1, width, 3, stride=3), nn.BatchNorm1d(width))
        inputs = [width, *widths]
        self.blocks = nn.ModuleList(
            Block(i, o, block) for i, o in zip(inputs, widths, strict=False)
        )
        self.last = nn.Sequential(nn.Linear(joined, joined), nn.BatchNorm1d(joined))
        self.dropout = nn.Dropout(0.5)
        self.classifier = nn.Linear(joined, classes)
        self._initialise_weights()

    def features(self, samples: Tensor) -> Tensor:
        """Standardised samples as one channel (B, 1, length)."""
        standardised: Tensor = self.standardise(samples[:, None])
        return standardised

    def classify(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """See SegmentNetwork."""
        x = F.relu(self.stem(features))
        maxima = []
        for block in self.blocks:
            x = block(x)
            maxima.append(x.amax(2))
        embedding = F.relu(self.last(torch.cat(maxima[-self.levels :], 1)))
        return self.classifier(self.dropout(embedding)), embedding

    def _initialise_weights(self) -> None:
        for module in self.modules():
            if not isinstance(module, nn.Conv1d | nn.Linear):
                continue
            if isinstance(module, nn.Linear) or module.kernel_size == (1,):
                nn.init.xavier_uniform_(module.weight)
            else:
                scale = 1 if module is self.stem[0] else 2
                limit = (3 * scale / (module.in_channels**2 * 3)) ** 0.5
                nn.init.uniform_(module.weight, -limit, limit)
            assert module.bias is not None
            nn.init.zeros_(module.bias)


class Block(nn.Module):
    """Convolutions with pooling by 3, and a shortcut for the kinds with "res".

    The gate of "se" scales the pooled channels. The gate of "rese" scales the channels before the
    shortcut is added.
    """

    def __init__(self, inputs: int, outputs: int, kind: str) -> None:
        super().__init__()
        self.convolved = nn.Sequential(
            nn.Conv1d(inputs, outputs, 3, padding=1), nn.BatchNorm1d(outputs)
        )
        if kind.endswith("2"):
            self.convolved.extend(
                [
                    nn.ReLU(),
                    nn.Dropout(0.2),
                    nn.Conv1d(outputs, outputs, 3, padding=1),
                    nn.BatchNorm1d(outputs),
                ]
            )
        self.shortcut: nn.Module | None = None
        if kind.startswith("res"):
            self.shortcut = (
                nn.Identity()
                if inputs == outputs
                else nn.Sequential(nn.Conv1d(inputs, outputs, 1), nn.BatchNorm1d(outputs))
            )
        self.gate = Gate(outputs) if "se" in kind else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.convolved(x)
        if self.shortcut is None:
            gated: Tensor = self.gate(F.max_pool1d(F.relu(y), 3))
            return gated
        return F.max_pool1d(F.relu(self.shortcut(x) + self.gate(y)), 3)


class Gate(nn.Module):
    """Squeeze-and-excitation: scale channels (B, C, n) by 0..1, computed from their means."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(channels, channels // _SQUEEZE),
            nn.ReLU(),
            nn.Linear(channels // _SQUEEZE, channels),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        scale: Tensor = self.layers(x.mean(2))
        return x * scale[:, :, None]
