"""The exponential average of a network's weights (Polyak & Juditsky 1992; torch.optim.swa_utils).

The first updates weigh more than the decay alone would let them, so that a short run's average is
not mostly its start.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

_WARM_UP = 10  # updates


def averaged(network: nn.Module, decay: float) -> AveragedModel:
    """A copy of the network to be told of every update; a decay of 0 is the newest weights."""
    return AveragedModel(network, avg_fn=_average(decay), use_buffers=True)


def _average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    def average(mean: Tensor, value: Tensor, count: Tensor | int) -> Tensor:
        if not torch.is_floating_point(mean):  # batch norm counts its batches
            return value
        n = int(count)
        return mean.lerp(value, 1 - min(decay, n / (n + _WARM_UP)))

    return average
