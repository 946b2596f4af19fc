"""What every streaming network gives for one step, whatever is inside it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

from torch import Tensor, nn


class StepLogits(NamedTuple):
    """One step, before calibration."""

    logits: Tensor  # (B, C), of the last tick in the step
    music: Tensor  # (B,), logit of "this is music at all"
    next_state: Tensor  # (B, S)
    gates: Tensor  # (B, G), mean of each feedback gate, 0..1
    embedding: Tensor  # (B, E)


class StreamingNetwork(nn.Module, ABC):
    """A step reads `window_for(hop)` samples (B, window), the last `hop` of which are new."""

    state_size: int
    embedding_size: int

    @abstractmethod
    def window_for(self, hop: int) -> int:
        """Samples that a step of `hop` new samples reads; ValueError for a hop it cannot do."""

    @abstractmethod
    def forward(self, samples: Tensor, state: Tensor) -> StepLogits:
        """One step; `state` (B, state_size) is zeros at a stream's start."""
