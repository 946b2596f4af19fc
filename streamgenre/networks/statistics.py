"""Running statistics of a stream: statistics pooling, and a mean of opinions, with a decay.

Statistics pooling (Snyder et al. 2018, x-vectors) summarises a recording by the mean and the
standard deviation of its frame embeddings. Here both are running values, and so is the mean of
what a classifier of single windows says. Each step counts with the weight of the music that it
brings. Earlier steps decay by the second, with a time constant of `LONGEST` at most, and faster
when an embedding lies far from those in the memory.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LONGEST = 60.0  # s, time constant of the memory while the music stays the same
PRIOR = 2.5  # s of the training data's variance that every stream starts with
_FIRST = 1e-3  # weight of the present embedding where nothing else has any
_NEVER = -6.0  # initial offset of the change rate: e**-6 = 0.0025 per second


class Summary(NamedTuple):
    """What a stream has brought so far."""

    statistics: Tensor  # (B, 2 E), mean and standard deviation of the embeddings
    opinion: Tensor  # (B, C), mean of the opinions
    memory: Tensor  # (B, M), for the next step


class RunningStatistics(nn.Module):
    """One step's embedding (B, E) and opinion (B, C) -> Summary.

    The memory holds the weighted sum of the embeddings, that of their squares, that of the
    opinions, and the weight, all zeros at a stream's start. Embeddings are standardised. The
    standard deviation is shrunk towards `variance`, the mean variance within a training clip, by
    `PRIOR` seconds: a single window has none of its own.
    """

    def __init__(self, size: int, classes: int) -> None:
        super().__init__()
        self.sizes = (size, size, classes, 1)
        self.memory_size = sum(self.sizes)
        self.distance = nn.Parameter(torch.full((size,), math.log(math.expm1(1 / size))))
        self.offset = nn.Parameter(torch.tensor(_NEVER))
        self.register_buffer("variance", torch.ones(size))
        self.variance: Tensor

    def forward(
        self, embedding: Tensor, opinion: Tensor, weight: Tensor, seconds: Tensor, memory: Tensor
    ) -> Summary:
        """One step of `seconds` (B, 1) of new audio; `weight` (B,) is 0 for none that counts."""
        before: tuple[Tensor, ...] = torch.split(memory, list(self.sizes), 1)
        total, squares, opinions, known = before
        mean = total / known.clamp_min(_FIRST)
        # The squared distance in standard deviations, with a learned weight for each dimension.
        apart = (embedding - mean) ** 2 / (self._variance(mean, squares, known) + 1e-3)
        change = F.softplus(apart @ F.softplus(self.distance)[:, None] + self.offset)
        keep = torch.exp(-seconds * (1 / LONGEST + weight[:, None] * change))
        gain = seconds * weight[:, None]
        total = keep * total + gain * embedding
        squares = keep * squares + gain * embedding**2
        opinions = keep * opinions + gain * opinion
        known = keep * known + gain
        # Where no step has had any weight yet, the present one stands for the mean.
        mean = (total + _FIRST * embedding) / (known + _FIRST)
        deviation = torch.sqrt(self._variance(mean, squares, known) + 1e-6)
        return Summary(
            torch.cat([mean, deviation], 1),
            (opinions + _FIRST * opinion) / (known + _FIRST),
            torch.cat([total, squares, opinions, known], 1),
        )

    def _variance(self, mean: Tensor, squares: Tensor, known: Tensor) -> Tensor:
        own = F.relu(squares - known * mean**2)
        return (own + PRIOR * self.variance) / (known + PRIOR)
