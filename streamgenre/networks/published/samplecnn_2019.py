"""SampleCNN's later form: blocks with shortcuts and gates, and features of several levels.

Kim, Lee, Nam, "Comparison and Analysis of SampleCNN Architectures for Audio Classification" (IEEE
Journal of Selected Topics in Signal Processing 2019) and its code (tae-jun/sampleaudio); the blocks
come from their "Sample-level CNN Architectures for Music Auto-tagging Using Raw Waveforms" (ICASSP
2018), whose code widens the gates' hidden layer sixteenfold: here it is an eighth, as in 2019.
The weights start as in the 2019 code, whose limit has the input channels twice, so narrower than
He's. Its five stages of the rate are one decay in the table (literature/rows).

Where the description is silent, which of them Kim & Nam ran on genres in the same year: here the
authors' usual input, 59,049 samples at 22.05 kHz, and basic blocks of one level. 39,366 samples at
16 kHz are nearer to the 2.5 s of their recurrent networks. The samples' mean and deviation are
those of the training data; the normalisations' constants are torch's defaults.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..segment import SegmentNetwork, Standardise
from .samplecnn import LENGTH, RATE, block_widths

BLOCKS = ("basic", "se", "res-1", "res-2", "rese-1", "rese-2")
SHORTEST = 3**5  # four blocks
_SQUEEZE = 8
_LEVELS = 3


class SampleCNN2019(SegmentNetwork):
    """Segments of 59,049 samples at 22.05 kHz, back to back; embedding (B, 4 width or 8 width).

    Args: `classes`; `width` of the first layers (128 as published), which all others follow;
    `block`: basic, se, res-1, res-2, rese-1 or rese-2, the number counts convolutions; `multi`:
    classify the maxima of the last three blocks, not of the last; `length` in samples at `rate`
    Hz, which decides on the number of blocks.
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
            raise ValueError(f"block is one of {', '.join(BLOCKS)}, not {block!r}")
        if classes < 2 or width < _SQUEEZE:
            raise ValueError(f"two classes and {_SQUEEZE} channels at least")
        if length < SHORTEST or rate < 1:
            raise ValueError(f"length is {SHORTEST} samples at least, and rate positive")
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
        self._start_weights()

    def features(self, samples: Tensor) -> Tensor:
        """The standardised samples as one channel (B, 1, length)."""
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

    def _start_weights(self) -> None:
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
    """Convolutions, and for the kinds with "res" a shortcut around them; pooled by 3.

    The gate of "se" scales the pooled channels, that of "rese" those to be added to the shortcut.
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
    """Channels (B, C, n) scaled by 0..1, from their means: squeeze and excitation."""

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
