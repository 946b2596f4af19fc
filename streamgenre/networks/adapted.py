"""A network with a new linear output layer for other genres.

`training/adapt` fits the layer. The base network stays as it is.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from . import build
from .step import StepLogits, StepNetwork


class Adapted(StepNetwork):
    """The step of a base network, with logits from one linear layer.

    Args:
        base: description of the base network.
        classes: number of classes.
        reads: inputs of the linear layer, one or both of "embedding" and "next_state".
    """

    def __init__(self, base: dict[str, Any], classes: int, reads: list[str]) -> None:
        super().__init__()
        self.base = build(base)
        self.base.drop_classifier()  # replaced by the head
        sizes = {"embedding": self.base.embedding_size, "next_state": self.base.state_size}
        self.head = nn.Linear(sum(sizes[name] for name in reads), classes)
        self.reads = reads
        self.state_size, self.embedding_size = self.base.state_size, self.base.embedding_size

    def window_for(self, hop: int) -> int:
        """See StepNetwork; as in the base network."""
        return self.base.window_for(hop)

    @property
    def gated_blocks(self) -> tuple[int, ...]:
        """See StepNetwork; as in the base network."""
        return self.base.gated_blocks

    def forward(self, samples: Tensor, state: Tensor) -> StepLogits:
        step: StepLogits = self.base(samples, state)
        read = torch.cat([getattr(step, name) for name in self.reads], 1)
        return step._replace(logits=self.head(read))
