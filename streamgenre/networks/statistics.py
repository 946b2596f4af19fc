"""Running means of a stream with exponential decay: of embeddings and of classified windows.

Each step is weighted by its amount of music. Earlier steps decay with a time constant of at most
`LONGEST`, and faster when the embedding is far from the running mean, measured in running standard
deviations.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LONGEST = 15.0
"""Time constant of the decay in s.

Longer ones improve little after 30 s. On short clips they are worse, since the first seconds count
most.
"""
PRIOR = 2.5  # s, weight of the variance of the training data
_FIRST = 1e-3  # weight of the current embedding, which matters only if there is no other
_SLOPE, _OFFSET = 1.0, -6.0
"""Initial parameters of the change rate, softplus(_SLOPE * distance + _OFFSET) per second.

For windows that do not overlap. The distance is the mean squared difference, in variances.
"""
_WINDOW = 2.5  # s
_STEEPER, _LOWER = 3.0, 3.0
"""Change of the slope (added to a factor of 1) and offset for windows that overlap by half or more.

Overlapping windows are more similar, so the same distance is stronger evidence of a change. It is
below 1.6 in three of four steps within a track, and above 2.5 in half of the steps after a cut.
"""


class Summary(NamedTuple):
    """Running means of a stream."""

    mean: Tensor  # (B, E), mean embedding
    log_probabilities: Tensor  # (B, C), mean over the windows
    seconds: Tensor  # (B, 1), total weight of the means
    memory: Tensor  # (B, M), for the next step


class RunningStatistics(nn.Module):
    """Embedding (B, E) and log-probabilities (B, C) of a step -> Summary.

    The memory holds weighted sums of the embeddings, their squares, the log-probabilities and the
    weights. It starts at zero. Embeddings must be standardised. The variance in the distance is
    shrunk towards `variance`, the mean variance within a training clip, with a weight of `PRIOR`
    seconds, since a single window has no variance.
    """

    def __init__(self, size: int, classes: int) -> None:
        super().__init__()
        self.sizes = (size, size, classes, 1)
        self.memory_size = sum(self.sizes)
        self.distance = nn.Parameter(torch.full((size,), math.log(math.expm1(_SLOPE / size))))
        self.offset = nn.Parameter(torch.tensor(_OFFSET))
        self.register_buffer("variance", torch.ones(size))
        self.variance: Tensor

    def forward(
        self,
        embedding: Tensor,
        log_probabilities: Tensor,
        weight: Tensor,
        seconds: Tensor,
        memory: Tensor,
    ) -> Summary:
        """One step with `seconds` (B, 1) of new audio and `weight` (B,) in 0..1."""
        before: tuple[Tensor, ...] = torch.split(memory, list(self.sizes), 1)
        total, squares, outputs, known = before
        mean = total / known.clamp_min(_FIRST)
        # The squared distance in standard deviations, with a learned weight for each dimension.
        apart = (embedding - mean) ** 2 / (self._variance(mean, squares, known) + 1e-3)
        distance = apart @ F.softplus(self.distance)[:, None]
        overlap = (2 * (1 - seconds / _WINDOW)).clamp(0, 1)
        change = F.softplus((1 + _STEEPER * overlap) * distance + self.offset - _LOWER * overlap)
        keep = torch.exp(-seconds * (1 / LONGEST + weight[:, None] * change))
        gain = seconds * weight[:, None]
        total = keep * total + gain * embedding
        squares = keep * squares + gain * embedding**2
        outputs = keep * outputs + gain * log_probabilities
        known = keep * known + gain
        # Before any step with a positive weight, the current one is the mean.
        return Summary(
            (total + _FIRST * embedding) / (known + _FIRST),
            (outputs + _FIRST * log_probabilities) / (known + _FIRST),
            known,
            torch.cat([total, squares, outputs, known], 1),
        )

    def _variance(self, mean: Tensor, squares: Tensor, known: Tensor) -> Tensor:
        own = F.relu(squares - known * mean**2)
        return (own + PRIOR * self.variance) / (known + PRIOR)
