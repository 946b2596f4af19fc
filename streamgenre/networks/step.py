"""The interfaces of a network: a single step, and a sequence of steps in training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn


class StepLogits(NamedTuple):
    """The outputs of a step before calibration."""

    logits: Tensor  # (B, C), of the last recurrent tick of the step
    music: Tensor  # (B,), logit of music
    next_state: Tensor  # (B, S)
    gates: Tensor  # (B, G), mean of each feedback gate, 0..1
    embedding: Tensor  # (B, E)
    styles: Tensor | None = None  # (B, K), probabilities of styles; None without this output
    speech: Tensor | None = None  # (B,), logit of speech; None without this output


class SequenceLogits(NamedTuple):
    """The outputs of T consecutive steps with K recurrent ticks each."""

    logits: Tensor  # (B, T, K, C)
    music: Tensor | None  # (B, T); None if the network does not detect music
    state: Tensor  # (B, S), after the last step
    features: Tensor | None = None  # (B, T, E), input of the layer for teachers' tags
    styles: Tensor | None = None  # (B, T, K), logits of styles


@dataclass(frozen=True)
class SequenceOptions:
    """Options of `TrainableNetwork.sequence`."""

    frozen: bool = False
    """Train only the parameters named by `new_parts`."""
    noise: float = 0.0
    """Standard deviation of Gaussian noise added to the features, if the network supports it."""
    augmentation: float = 1.0
    """Amount of augmentation, 0 to 1, if the network supports it."""


class StepNetwork(nn.Module, ABC):
    """A network that runs single steps with explicit state. It can be evaluated and exported.

    A step reads `window_for(hop)` samples (B, window), of which the last `hop` are new.
    """

    state_size: int
    embedding_size: int
    reads_logmel: bool = False
    """Whether the module `front` computes the log-mel of `streamgenre.audio.logmel`."""
    hop_entry: int | None = None
    """Index of the state entry that holds the hop in seconds, if any."""

    @abstractmethod
    def window_for(self, hop: int) -> int:
        """Number of samples that a step of `hop` new samples reads.

        Raises ValueError for an unsupported hop.
        """

    @abstractmethod
    def forward(self, samples: Tensor, state: Tensor) -> StepLogits:
        """Run one step; `state` (B, state_size) is `initial_state` at the start of a stream."""

    def initial_state(self, streams: int, seconds: float) -> Tensor:
        """State (streams, state_size) at the start of a stream, for hops of `seconds`."""
        state = torch.zeros(streams, self.state_size)
        if self.hop_entry is not None:
            state[:, self.hop_entry] = seconds
        return state

    def restart(self, state: Tensor, fresh: Tensor) -> Tensor:
        """The state (B, S), reset to the initial state where `fresh` (B,) is true."""
        kept = ~fresh[:, None]
        if self.hop_entry is not None:
            entries = torch.arange(self.state_size, device=state.device)
            kept = kept | (entries == self.hop_entry)
        return torch.where(kept, state, torch.zeros_like(state))

    def drop_classifier(self) -> None:
        """Remove the layers that only affect the logits, which a new head replaces."""
        self.add_module("classifier", nn.Identity())  # an assignment would narrow its type

    @property
    def gated_blocks(self) -> tuple[int, ...]:
        """Numbers of the gated blocks, from 1, in the order of the output `gates`."""
        return ()


class TrainableNetwork(StepNetwork):
    """A step network that also runs sequences of steps with gradients."""

    features_size: int
    """Size of the features of a step, which auxiliary layers read in training."""
    new_parts: tuple[str, ...] = ("",)
    """Prefixes of the names of parameters without pretrained weights."""

    def prefixes_before(self, first_block: int) -> tuple[str, ...]:
        """Prefixes of the names of the parameters before a block; empty without blocks."""
        return ()

    def depth(self, name: str) -> int:
        """Number of layers between a parameter and the end of the pretrained part."""
        return 0

    @property
    def outputs(self) -> nn.Linear:
        """The output layer, which is called `classifier`."""
        layers = [
            layer
            for name, layer in self.named_modules()
            if name.rpartition(".")[2] == "classifier" and isinstance(layer, nn.Linear)
        ]
        (layer,) = layers
        return layer

    def tick_for(self, hop: int) -> int:
        """Number of new samples of a recurrent tick within a step of `hop` samples."""
        return hop

    def prepare(self, windows: Tensor) -> None:
        """Set constants such as means and scales from windows (N, window) of the training data."""

    @abstractmethod
    def sequence(
        self, windows: Tensor, fresh: Tensor, state: Tensor, options: SequenceOptions
    ) -> SequenceLogits:
        """Run T steps.

        Args:
            windows: (B, T, window).
            fresh: (B, T); where true, the state is reset before the step.
            state: (B, S) before the first step.
            options: see SequenceOptions.
        """
