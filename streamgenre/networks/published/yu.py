"""Two stacked bidirectional GRUs with a shortcut, and attention over the frames.

Yu, Luo, Liu, Qiao, Liu, Feng, "Deep Attention Based Music Genre Classification" (Neurocomputing
2020): recurrent layers on a spectrogram, with attention that reads either their outputs ("serial")
or the spectrogram itself ("parallelised", with a linear layer or a convolutional network, which the
paper reports as the best).

The available description gives no sizes. Chosen here: the input of Feng, Liu and Yao (2017), who
share an author, with all its 513 bins; 128 per direction in both layers, as there; a shortcut
without weights that adds the outputs of the first layer to those of the second; without attention,
the concatenated last outputs of both directions; serial attention v . tanh(W h + b) over frames
(Bahdanau, Cho, Bengio 2015); parallel weights that scale the output of the second layer after the
shortcut; convolutions (3 x 3, ReLU; 16, 32, 64, 64, 64 filters) that pool only bins, by 2, 4, 4, 4,
4, down to one weight per frame; segments of 3 s that overlap by half; no dropout.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from ..segment import SegmentNetwork
from .feng import FFT, LENGTH, RATE, LogSpectrogram, zero

BINS = FFT // 2 + 1
FILTERS, POOLS = (16, 32, 64, 64, 64), (2, 4, 4, 4, 4)
_STATE = 128

Attention = Literal["none", "serial", "linear", "cnn"]


class Scores(nn.Module):
    """Attention scores (B, frames) from outputs or a spectrogram (B, frames, E)."""

    def __init__(self, kind: Attention, outputs: int, width: float) -> None:
        super().__init__()
        self.reads_outputs = kind == "serial"
        filters = [round(n * width) for n in FILTERS]
        self.convolutions = (
            nn.Sequential(
                *(
                    nn.Sequential(
                        nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.MaxPool2d((1, pool))
                    )
                    for before, after, pool in zip([1, *filters], filters, POOLS, strict=False)
                )
            )
            if kind == "cnn"
            else None
        )
        # In this memory format, a training step on a CPU takes two thirds of the time.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in its types
        self.project = (
            nn.Sequential(nn.Linear(outputs, outputs), nn.Tanh()) if self.reads_outputs else None
        )
        last = {"serial": outputs, "linear": BINS, "cnn": filters[-1]}[kind]
        self.score = nn.Linear(last, 1, bias=not self.reads_outputs)

    def forward(self, x: Tensor) -> Tensor:
        if self.convolutions is not None:
            x = self.convolutions(x[:, None])[..., 0].transpose(1, 2)
        if self.project is not None:
            x = self.project(x)
        scores: Tensor = self.score(x)[..., 0]
        return scores


class Yu(SegmentNetwork):
    """Recurrent layers with attention, or without it.

    Args:
        classes: number of classes.
        attention: "none", "serial", or parallel with a "linear" layer or a "cnn".
        width: factor on all hidden sizes.
        zero_weights: initialise the weights of the GRUs with zeros.
    """

    overlap = 0.5

    def __init__(
        self,
        classes: int,
        attention: Attention = "cnn",
        width: float = 1.0,
        zero_weights: bool = False,
    ) -> None:
        if attention not in get_args(Attention):
            raise ValueError(f"attention must be one of {get_args(Attention)}, not {attention!r}")
        if classes < 1 or round(min(FILTERS) * width) < 1:
            raise ValueError(f"classes and width must be positive, not {classes} and {width}")
        self.size = round(_STATE * width)
        super().__init__(LENGTH, RATE, 2 * self.size)
        self.spectrogram = LogSpectrogram()
        self.first, self.second = (
            nn.GRU(inputs, self.size, batch_first=True, bidirectional=True)
            for inputs in (BINS, 2 * self.size)
        )
        if zero_weights:
            zero(self.first)
            zero(self.second)
        self.scores = None if attention == "none" else Scores(attention, 2 * self.size, width)
        self.classifier = nn.Linear(2 * self.size, classes)

    def features(self, samples: Tensor) -> Tensor:
        """See SegmentNetwork: (B, 128, 513)."""
        spectrogram: Tensor = self.spectrogram(samples)
        return spectrogram

    def classify(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """See SegmentNetwork."""
        outputs = self.first(features)[0]
        outputs = outputs + self.second(outputs)[0]
        embedding = self._read(features, outputs)
        return self.classifier(embedding), embedding

    def _read(self, features: Tensor, outputs: Tensor) -> Tensor:
        if self.scores is None:
            ahead, back = outputs.chunk(2, 2)
            return torch.cat([ahead[:, -1], back[:, 0]], 1)
        scores = self.scores(outputs if self.scores.reads_outputs else features)
        read: Tensor = (scores.softmax(1)[..., None] * outputs).sum(1)
        return read
