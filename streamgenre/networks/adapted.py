"""A network under a linear head of its own, fitted elsewhere (training/adapt) for other genres.

The base is not trained further: `training/adapt` fits the head, `training/trainer` the base.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from . import build
from .step import StepLogits, StepNetwork


class Adapted(StepNetwork):
    """The base's step, its logits from one linear layer on what `reads` names.

    Args: `base`, the description of the network below; `classes`; `reads`, one or both of
    "embedding" and "next_state".
    """

    def __init__(self, base: dict[str, Any], classes: int, reads: list[str]) -> None:
        super().__init__()
        self.base = build(base)
        self.base.drop_classifier()  # replaced by the head: no weights of it are kept
        sizes = {"embedding": self.base.embedding_size, "next_state": self.base.state_size}
        self.head = nn.Linear(sum(sizes[name] for name in reads), classes)
        self.reads = reads
        self.state_size, self.embedding_size = self.base.state_size, self.base.embedding_size

    def window_for(self, hop: int) -> int:
        """Samples that a step of `hop` new samples reads: as the base."""
        return self.base.window_for(hop)

    @property
    def gated_blocks(self) -> tuple[int, ...]:
        """Those of the base."""
        return self.base.gated_blocks

    def forward(self, samples: Tensor, state: Tensor) -> StepLogits:
        step: StepLogits = self.base(samples, state)
        read = torch.cat([getattr(step, name) for name in self.reads], 1)
        return step._replace(logits=self.head(read))
