"""Running mean and standard deviation of a stream's embeddings: statistics pooling with a decay.

Statistics pooling (Snyder et al. 2018, x-vectors) summarises a recording by the mean and the
standard deviation of its frame embeddings. Here both are running values: each step adds its
embedding with the weight of the music that it brings, and earlier steps decay by the second, at
most `LONGEST` seconds slowly, and faster when an embedding lies far from what is remembered.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LONGEST = 60.0  # s, time constant of the memory while the music stays the same
PRIOR = 2.5  # s of the training data's variance that every stream starts with
_FIRST = 1e-3  # weight of the present embedding where nothing else has any
_NEVER = -6.0  # initial offset of the change rate: e**-6 = 0.0025 per second


class RunningStatistics(nn.Module):
    """embedding (B, E), weight (B,), memory (B, 2 E + 1) -> statistics (B, 2 E) and next memory.

    The memory holds the weighted sum of the embeddings, that of their squares, and the weight, all
    zeros at a stream's start. Embeddings are standardised. The standard deviation is shrunk towards
    `variance`, the mean variance within a training clip, by `PRIOR` seconds: a single window has
    none of its own.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size, self.memory_size = size, 2 * size + 1
        self.distance = nn.Parameter(torch.full((size,), math.log(math.expm1(1 / size))))
        self.offset = nn.Parameter(torch.tensor(_NEVER))
        self.register_buffer("variance", torch.ones(size))
        self.variance: Tensor

    def forward(
        self, embedding: Tensor, weight: Tensor, seconds: Tensor, memory: Tensor
    ) -> tuple[Tensor, Tensor]:
        """One step of `seconds` (B, 1) of new audio; `weight` (B,) is 0 for none that counts."""
        total, squares = memory[:, : self.size], memory[:, self.size : -1]
        known = memory[:, -1:]
        mean = total / known.clamp_min(_FIRST)
        # The squared distance in standard deviations, with a learned weight for each dimension.
        apart = (embedding - mean) ** 2 / (self._variance(mean, squares, known) + 1e-3)
        change = F.softplus(apart @ F.softplus(self.distance)[:, None] + self.offset)
        keep = torch.exp(-seconds * (1 / LONGEST + weight[:, None] * change))
        gain = seconds * weight[:, None]
        total = keep * total + gain * embedding
        squares = keep * squares + gain * embedding**2
        known = keep * known + gain
        # Where no step has had any weight yet, the present embedding stands for the mean.
        mean = (total + _FIRST * embedding) / (known + _FIRST)
        deviation = torch.sqrt(self._variance(mean, squares, known) + 1e-6)
        return torch.cat([mean, deviation], 1), torch.cat([total, squares, known], 1)

    def _variance(self, mean: Tensor, squares: Tensor, known: Tensor) -> Tensor:
        own = F.relu(squares - known * mean**2)
        return (own + PRIOR * self.variance) / (known + PRIOR)
