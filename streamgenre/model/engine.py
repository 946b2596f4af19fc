"""One pure step: the same for every engine, without memory, safe to share between threads."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from .card import Hop, ModelCard
from .front import FrontEnd, SampleWindow


class Step(NamedTuple):
    """What a step gives for a batch of B streams."""

    probabilities: NDArray[np.float32]  # (B, C), calibrated, rows sum to 1
    music: NDArray[np.float32]  # (B,), 0..1
    next_state: NDArray[np.float32]  # (B, S)
    gates: NDArray[np.float32] | None = None  # (B, G), mean of each feedback gate: card.gates
    embedding: NDArray[np.float32] | None = None  # (B, E)
    styles: NDArray[np.float32] | None = None  # (B, K), 0..1, hints, not calibrated: card.styles
    speech: NDArray[np.float32] | None = None  # (B,), 0..1


class Engine(Protocol):
    """One set of weights, ready to run."""

    card: ModelCard
    has_embedding: bool = False
    """Whether steps give `embedding`."""

    def step(self, samples: NDArray[np.float32], state: NDArray[np.float32]) -> Step:
        """samples (B, window) in [-1, 1], state (B, S), zeros at a stream's start."""
        ...

    def front_end(self, hop: Hop, many: bool = False) -> FrontEnd:
        """A new stream's way from its ring to what `run` hears.

        `many`: for one of many streams, where it pays to compile what computes it.
        """
        return SampleWindow(hop)

    def run(self, heard: NDArray[np.float32], state: NDArray[np.float32]) -> Step:
        """`step` behind the front end: `heard` of B streams, one after another."""
        return self.step(heard, state)


def initial_state(card: ModelCard, streams: int = 1, hop: Hop | None = None) -> NDArray[np.float32]:
    """The state (streams, S) at a stream's start: zeros, apart from the hop where the card has it.

    `hop` is None for the one that the model takes zero for.
    """
    state = np.zeros((streams, card.state_size), np.float32)
    if card.hop_entry is not None and hop is not None:
        state[:, card.hop_entry] = hop.seconds
    return state
