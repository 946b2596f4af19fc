"""The interfaces of a network: one step, and a sequence of steps in training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn


class StepLogits(NamedTuple):
    """One step, before calibration."""

    logits: Tensor  # (B, C), of the last tick in the step
    music: Tensor  # (B,), logit of "this is music at all"
    next_state: Tensor  # (B, S)
    gates: Tensor  # (B, G), mean of each feedback gate, 0..1
    embedding: Tensor  # (B, E)
    styles: Tensor | None = None  # (B, K), probabilities of finer hints; None where it has none
    speech: Tensor | None = None  # (B,), logit of "this is speech"; None where it does not say


class SequenceLogits(NamedTuple):
    """T steps in a row, K recurrent ticks in each."""

    logits: Tensor  # (B, T, K, C)
    music: Tensor | None  # (B, T); None where the network does not tell music from the rest
    state: Tensor  # (B, S), after the last step
    features: Tensor | None = None  # (B, T, E), what teachers' tags are learnt from
    styles: Tensor | None = None  # (B, T, K), logits of finer hints


@dataclass(frozen=True)
class SequenceOptions:
    """How a network runs over a sequence in training."""

    frozen: bool = False
    """Only the parameters named by `new_parts` learn."""
    noise: float = 0.0
    """Standard deviation of the Gaussian noise added to the features, where the network has any."""
    augmentation: float = 1.0
    """Amount of augmentation, 0 to 1, where the network has any."""


class StepNetwork(nn.Module, ABC):
    """A network that runs step by step, with explicit state: what is measured and exported.

    A step reads `window_for(hop)` samples (B, window), the last `hop` of which are new.
    """

    state_size: int
    embedding_size: int
    reads_logmel: bool = False
    """Whether its module `front` computes the log-mel of `streamgenre.audio.logmel`."""
    hop_entry: int | None = None
    """Index of the state's entry that takes the hop in seconds, where the network needs it."""

    @abstractmethod
    def window_for(self, hop: int) -> int:
        """Samples that a step of `hop` new samples reads; ValueError for an unsupported hop."""

    @abstractmethod
    def forward(self, samples: Tensor, state: Tensor) -> StepLogits:
        """One step; `state` (B, state_size) is zeros at a stream's start."""

    def initial_state(self, streams: int, seconds: float) -> Tensor:
        """State (streams, state_size) at a stream's start, for steps of `seconds`."""
        state = torch.zeros(streams, self.state_size)
        if self.hop_entry is not None:
            state[:, self.hop_entry] = seconds
        return state

    def restart(self, state: Tensor, fresh: Tensor) -> Tensor:
        """The state (B, S), as at a stream's start where `fresh` (B,) is true."""
        kept = ~fresh[:, None]
        if self.hop_entry is not None:
            entries = torch.arange(self.state_size, device=state.device)
            kept = kept | (entries == self.hop_entry)
        return torch.where(kept, state, torch.zeros_like(state))

    def drop_classifier(self) -> None:
        """Remove the layers that only the logits read, where another head replaces them."""
        self.classifier = nn.Identity()

    @property
    def gated_blocks(self) -> tuple[int, ...]:
        """Numbers, from 1, of the blocks whose gates a step gives, in the order of `gates`."""
        return ()


class TrainableNetwork(StepNetwork):
    """A step network that also runs over sequences of steps, with gradients."""

    features_size: int
    """Size F of the features of a step, which a layer in training may read."""
    new_parts: tuple[str, ...] = ("",)
    """Prefixes of the names of the parameters that no pretrained weights exist for."""

    def left_alone(self, first_block: int) -> tuple[str, ...]:
        """Prefixes of the names of the parameters before a block; empty without blocks."""
        return ()

    def depth(self, name: str) -> int:
        """Layers between a parameter and the end of the pretrained part; 0 without layers."""
        return 0

    @property
    def outputs(self) -> nn.Linear:
        """The layer that gives the logits: the one called `classifier`."""
        found = [
            layer
            for name, layer in self.named_modules()
            if name.rpartition(".")[2] == "classifier" and isinstance(layer, nn.Linear)
        ]
        (layer,) = found
        return layer

    def tick_for(self, hop: int) -> int:
        """New samples of one recurrent tick inside a step of `hop` samples."""
        return hop

    def prepare(self, windows: Tensor) -> None:
        """Fix constants (means, scales) from windows (N, window) of the training data."""

    @abstractmethod
    def sequence(
        self, windows: Tensor, fresh: Tensor, state: Tensor, options: SequenceOptions
    ) -> SequenceLogits:
        """Run T steps: windows (B, T, window), state (B, S) before the first of them.

        The state is reset to zeros before each step where `fresh` (B, T) is true.
        """
