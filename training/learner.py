"""What is learnt: the loss of a network over one batch of steps.

Cross-entropy at every tick with a genre (many-to-many, Kim & Nam 2019) and, where the network
tells music from the rest, binary cross-entropy at every step. Sums are divided by the counts of
all processes, so that the gradients of several equal those of one.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .config import Optimiser
from .networks.step import StreamingNetwork
from .sequences import NO_GENRE, Batch

Total = Callable[[Tensor], Tensor]
"""A count of this process -> the mean of the counts of all processes."""


class Inputs:
    """A batch on a device, and the state before it.

    A plain object: Fabric would turn the tensors of anything else to half precision, and samples
    of sixteen bits need more than its eight.
    """

    def __init__(self, batch: Batch, state: Tensor) -> None:
        arrays = (batch.windows, batch.labels, batch.music, batch.fresh)
        self.windows, self.labels, self.music, self.fresh = (
            torch.from_numpy(array).to(state.device) for array in arrays
        )
        self.state = state


class Learner(nn.Module):
    """A batch of steps -> (loss, next state); wraps the network for Fabric."""

    def __init__(self, network: StreamingNetwork, settings: Optimiser, *, frozen: bool) -> None:
        super().__init__()
        self.network, self.settings, self.frozen = network, settings, frozen

    def forward(self, inputs: Inputs, total: Total) -> tuple[Tensor, Tensor]:
        """The loss, over the mean of the counts that `total` gives, and the state (B, S) after."""
        labels, music = inputs.labels, inputs.music
        s = self.settings
        found = self.network.sequence(
            inputs.windows,
            inputs.fresh,
            inputs.state,
            frozen=self.frozen,
            noise=s.feature_noise,
        )
        loss = F.cross_entropy(
            found.logits.float().flatten(0, 2),
            labels.flatten(),
            label_smoothing=s.label_smoothing,
            ignore_index=NO_GENRE,
            reduction="sum",
        ) / total((labels != NO_GENRE).sum()).clamp_min(1)
        if found.music is not None and s.music_weight:
            known = F.binary_cross_entropy_with_logits(found.music.float(), music, reduction="sum")
            count = torch.tensor(music.numel(), device=music.device)
            loss = loss + s.music_weight * known / total(count)
        return loss, found.state.detach().float()
