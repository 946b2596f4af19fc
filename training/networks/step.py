"""What every streaming network gives for one step, whatever is inside it."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from torch import Tensor


class StepLogits(NamedTuple):
    """One step, before calibration."""

    logits: Tensor  # (B, C), of the last tick in the step
    music: Tensor  # (B,), logit of "this is music at all"
    next_state: Tensor  # (B, S)
    gates: Tensor  # (B, G), mean of each feedback gate, 0..1
    embedding: Tensor  # (B, E)


class StreamingNetwork(Protocol):
    """A step reads `window_for(hop)` samples, the last `hop` of which are new."""

    state_size: int
    embedding_size: int

    def window_for(self, hop: int) -> int: ...

    def __call__(self, samples: Tensor, state: Tensor) -> StepLogits: ...
