"""Four networks on mel spectrograms of 29 s, compared at equal numbers of parameters.

Choi, Fazekas, Sandler, Cho, "Convolutional Recurrent Neural Networks for Music Classification"
(ICASSP 2017, arXiv 1609.04243) and the public code (keunwoochoi/music-auto_tagging-keras). The
input is 29.12 s at 12 kHz: 96 mel bands in decibels, 1,366 frames. The networks differ in the
kernels (k1: along time; k2: along time and frequency) and the aggregation (c1: 1-D; c2: 2-D maps;
crnn: two GRUs after the convolutions). One factor scales all hidden widths.

Not verified against the text of the paper: the layers of k1c2 and k2c1, all widths, and the dropout
of 0.5 after dense layers. The numbers of parameters support the widths: they are within 3 % of the
budgets. The exception is k1c2, which is 4 to 9 % below, so some detail of it must differ.

Not specified, and chosen here: the input normalisation has a mean and a scale per mel band (as the
name of its axis in the code suggests); the time padding of the GRU network follows the
normalisation, so that it is the mean; the dynamic range is 80 dB below the maximum of the segment,
as in librosa; dense layers end in ELU without normalisation; k2c1 pools by four in every layer,
since only this leaves one position; k2c2 has no dropout, as in the code; the initial weights are
PyTorch's defaults.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..segment import SegmentNetwork
from ..spectrum import MelSpectrum

LENGTH, RATE = 349_440, 12_000  # 29.12 s
BANDS, FFT, HOP = 96, 512, 256
PADDING = 37  # frames on both sides for the GRU network: 1,440 is divisible by its poolings
RANGE = 80.0  # dB below the maximum

Pairs = tuple[tuple[int, int], ...]
Widths = tuple[int, ...]


class Layout(NamedTuple):
    """Layers of one network. Kernels and poolings are (bands, frames)."""

    kernels: Pairs
    pools: Pairs
    convolutions: tuple[int, ...]  # index of the width of each convolution in WIDTHS
    top: tuple[int, ...]  # the same for the dense layers, or for the GRUs
    dropout: tuple[float, float]  # after each convolution, after each top layer


_ALONG = (1, 4)
LAYOUTS = {
    "k1c2": Layout((_ALONG,) * 4, ((1, 4), (1, 5), (1, 8), (1, 8)), (0, 0, 1, 1), (1, 1), (0, 0.5)),
    "k2c1": Layout(((BANDS, 4), *(_ALONG,) * 4), (_ALONG,) * 5, (0, 0, 0, 1, 1), (1, 1), (0, 0.5)),
    "k2c2": Layout(
        ((3, 3),) * 5, ((2, 4), (2, 4), (2, 4), (3, 5), (4, 4)), (0, 1, 2, 3, 4), (), (0, 0)
    ),
    "crnn": Layout(
        ((3, 3),) * 4, ((2, 2), (3, 3), (4, 4), (4, 4)), (0, 1, 1, 1), (0, 0), (0.1, 0.3)
    ),
}

WIDTHS: dict[str, dict[float, Widths]] = {
    "k1c2": {0.1: (15, 30), 0.25: (23, 47), 0.5: (33, 66), 1: (47, 95), 3: (81, 163)},
    "k2c1": {0.1: (43, 87), 0.25: (72, 145), 0.5: (106, 212), 1: (152, 304), 3: (265, 535)},
    "k2c2": {
        0.1: (20, 41, 41, 62, 83),
        0.25: (33, 66, 66, 100, 133),
        0.5: (47, 95, 95, 142, 190),
        1: (67, 135, 135, 203, 271),
        3: (118, 236, 236, 355, 473),
    },
    "crnn": {0.1: (30, 60), 0.25: (48, 95), 0.5: (68, 137), 1: (96, 195), 3: (169, 339)},
}
"""Widths by million parameters, not verified against the text of the paper."""


class Choi(SegmentNetwork):
    """Segments of 29.12 s; embedding (B, width of the last hidden layer).

    Args:
        classes: number of classes.
        net: "k1c2", "k2c1", "k2c2" or "crnn".
        budget: million parameters. The widths for 0.1, 0.25, 0.5, 1 and 3 are in `WIDTHS`;
            `scaled_widths` computes the others.
        scale: factor on all hidden widths of the budget.
        zero_weights: initialise the weights of the GRUs with zeros.
        dropout: after each convolution and after each dense layer (after the last GRU). None
            selects the values of `LAYOUTS`.
    """

    def __init__(
        self,
        classes: int,
        net: str = "crnn",
        budget: float = 1,
        *,
        scale: float | None = None,
        zero_weights: bool = False,
        dropout: tuple[float, float] | None = None,
    ) -> None:
        widths = _table(net).get(budget) or scaled_widths(net, round(budget * 1e6), classes)
        if scale is not None:
            widths = _times(widths, scale)
        if zero_weights and net != "crnn":
            raise ValueError(f"zero_weights requires net='crnn', {net} has no GRU")
        layers = Layers(net, widths, classes, dropout or LAYOUTS[net].dropout)
        super().__init__(LENGTH, RATE, layers.classifier.in_features)
        self.mel = MelSpectrum(RATE, FFT, HOP, BANDS)
        self.layers = layers
        if zero_weights:
            for parameter in layers.gru.parameters():
                nn.init.zeros_(parameter)

    def features(self, samples: Tensor) -> Tensor:
        """Decibels in mel bands (B, 96, 1366)."""
        return decibels(self.mel(samples))

    def classify(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """See SegmentNetwork."""
        logits, embedding = self.layers(features)
        return logits, embedding


class Layers(nn.Module):
    """Mel bands (B, 96, 1366) in decibels -> logits (B, classes) and embedding (B, E)."""

    def __init__(
        self, net: str, widths: Widths, classes: int, dropout: tuple[float, float]
    ) -> None:
        if classes < 2 or min(widths) < 1:
            raise ValueError(
                f"classes must be at least 2 and widths at least 1, not {classes} and {widths}"
            )
        super().__init__()
        layout = LAYOUTS[net]
        self.normalise = nn.BatchNorm1d(BANDS)
        self.convolutions = nn.Sequential()
        inputs = 1
        for kernel, pool, place in zip(
            layout.kernels, layout.pools, layout.convolutions, strict=True
        ):
            outputs = widths[place]
            self.convolutions.append(_convolution(inputs, outputs, kernel, pool, dropout[0]))
            inputs = outputs
        self.recurrent = net == "crnn"
        self.dense = nn.Sequential()
        self.last_dropout = nn.Dropout(dropout[1] if self.recurrent else 0.0)
        if self.recurrent:
            self.gru = nn.GRU(inputs, widths[layout.top[0]], len(layout.top), batch_first=True)
            inputs = widths[layout.top[0]]
        else:
            inputs *= BANDS if net == "k1c2" else 1
            for place in layout.top:
                self.dense += nn.Sequential(
                    nn.Linear(inputs, widths[place]), nn.ELU(), nn.Dropout(dropout[1])
                )
                inputs = widths[place]
        self.classifier = nn.Linear(inputs, classes)

    def forward(self, decibels: Tensor) -> tuple[Tensor, Tensor]:
        x = self.normalise(decibels)[:, None]
        if self.recurrent:
            maps = self.convolutions(F.pad(x, (PADDING, PADDING)))  # (B, C, 1, 15)
            embedding = self.gru(maps.squeeze(2).transpose(1, 2))[0][:, -1]
        else:
            embedding = self.dense(self.convolutions(x).flatten(1))
        return self.classifier(self.last_dropout(embedding)), embedding


def _convolution(
    inputs: int, outputs: int, kernel: tuple[int, int], pool: tuple[int, int], dropout: float
) -> nn.Sequential:
    """Convolution with "same" padding, except for a kernel over all bands, and pooling."""
    height, length = kernel
    rows = 0 if height == BANDS else height // 2
    before = (length - 1) // 2
    kind = AcrossBands if height == BANDS else nn.Conv2d
    return nn.Sequential(
        nn.ZeroPad2d((before, length - 1 - before, rows, rows)),
        kind(inputs, outputs, kernel),
        nn.BatchNorm2d(outputs),
        nn.ELU(),
        nn.MaxPool2d(pool),
        nn.Dropout(dropout),
    )


class AcrossBands(nn.Conv2d):
    """Convolution with kernels over all bands, (B, 1, bands, n) -> (B, outputs, 1, n').

    The bands are passed as channels. The result is the same, and PyTorch computes the gradients up
    to 200 times faster on a CPU.
    """

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x.transpose(1, 2), self.weight.transpose(1, 2), self.bias)


def decibels(power: Tensor) -> Tensor:
    """Power (B, bands, frames) in decibels, at least the maximum of the segment minus 80 dB."""
    level = 10 * power.clamp_min(1e-10).log10()
    return torch.maximum(level, level.amax((1, 2), keepdim=True) - RANGE)


def parameters(net: str, widths: Widths, classes: int = 50) -> int:
    """Number of parameters of a network with these widths."""
    with torch.device("meta"):
        layers = Layers(net, widths, classes, (0.0, 0.0))
    return sum(p.numel() for p in layers.parameters())


def scaled_widths(net: str, wanted: int, classes: int = 50) -> Widths:
    """Hidden widths in the proportions of `WIDTHS`, closest to a number of parameters.

    The number of parameters grows almost with the square of the common factor, which gives the
    start of the search. Raises ValueError if the smallest network is too large.
    """
    table = _table(net)
    base = table[min(table, key=lambda budget: abs(budget - wanted / 1e6))]
    start = (max(wanted, 1) / parameters(net, base, classes)) ** 0.5
    low, high = start / 2, start * 2
    while high - low > 1e-3 / max(base):  # at this precision, a width changes at most once
        middle = (low + high) / 2
        if parameters(net, _times(base, middle), classes) > wanted:
            high = middle
        else:
            low = middle
    candidates = [_times(base, factor) for factor in (low, high)]
    nearest = min(candidates, key=lambda widths: abs(parameters(net, widths, classes) - wanted))
    if parameters(net, nearest, classes) > 1.5 * wanted:
        raise ValueError(f"{net} cannot be reduced to {wanted} parameters")
    return nearest


def _table(net: str) -> dict[float, Widths]:
    if net not in WIDTHS:
        raise ValueError(f"net must be one of {', '.join(WIDTHS)}, not {net!r}")
    return WIDTHS[net]


def _times(widths: Widths, factor: float) -> Widths:
    if factor <= 0:
        raise ValueError(f"scale must be positive, not {factor}")
    return tuple(max(1, round(width * factor)) for width in widths)
