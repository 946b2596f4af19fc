"""Running means of a stream, with a decay: of its embeddings, and of a window classifier's output.

Each step is weighted by the music that it brings. Earlier steps decay per second, with a time
constant of `LONGEST` at most, and faster when an embedding lies far from those in the memory, in
standard deviations of those in the memory.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LONGEST = 15.0  # s, time constant of the memory; longer ones gain little after 30 s, and the mean
# over the steps of a short clip loses: with them, its first seconds count most
PRIOR = 2.5  # s of the training data's variance that every stream starts with
_FIRST = 1e-3  # weight of the present embedding where nothing else has any
_SLOPE, _OFFSET = 1.0, -6.0
"""Initial change rate: softplus(_SLOPE * distance + _OFFSET) per second, for windows that do not
overlap. The distance is a mean of squares in variances of the memory."""
_WINDOW = 2.5  # s
_STEEPER, _LOWER = 3.0, 3.0
"""Change of slope (as a factor added to 1) and offset for windows that overlap by half or more.

They lie nearer together, so the same distance is stronger evidence: it is below 1.6 in three of
four steps within a track, and above 2.5 in half of the steps after a cut."""


class Summary(NamedTuple):
    """What a stream has brought so far."""

    mean: Tensor  # (B, E), of the embeddings
    log_probabilities: Tensor  # (B, C), mean of those of the windows
    seconds: Tensor  # (B, 1), weighted, that the means rest on
    memory: Tensor  # (B, M), for the next step


class RunningStatistics(nn.Module):
    """One step's embedding (B, E) and log-probabilities (B, C) -> Summary.

    The memory holds the weighted sum of the embeddings, of their squares, of the log-probabilities,
    and of the weights, all zeros at a stream's start. Embeddings are standardised. The variance,
    which only the distance reads, is shrunk towards `variance`, the mean variance within a training
    clip, by `PRIOR` seconds: a single window has none of its own.
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
        """One step of `seconds` (B, 1) of new audio; `weight` (B,) is 0 for none that counts."""
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
        # Where no step has had any weight yet, the present one stands for the mean.
        return Summary(
            (total + _FIRST * embedding) / (known + _FIRST),
            (outputs + _FIRST * log_probabilities) / (known + _FIRST),
            known,
            torch.cat([total, squares, outputs, known], 1),
        )

    def _variance(self, mean: Tensor, squares: Tensor, known: Tensor) -> Tensor:
        own = F.relu(squares - known * mean**2)
        return (own + PRIOR * self.variance) / (known + PRIOR)
