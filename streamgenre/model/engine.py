"""The engine interface: a stateless step that threads can share."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from .card import Hop, ModelCard
from .front import FrontEnd, SampleWindow


class Step(NamedTuple):
    """The outputs of a step for a batch of B streams."""

    probabilities: NDArray[np.float32]  # (B, C), calibrated, rows sum to 1
    music: NDArray[np.float32]  # (B,), 0..1
    next_state: NDArray[np.float32]  # (B, S)
    gates: NDArray[np.float32] | None = None  # (B, G), mean of each feedback gate: card.gates
    embedding: NDArray[np.float32] | None = None  # (B, E)
    styles: NDArray[np.float32] | None = None  # (B, K), 0..1, not calibrated: card.styles
    speech: NDArray[np.float32] | None = None  # (B,), 0..1


class Engine(Protocol):
    """One set of weights, ready to run."""

    card: ModelCard
    has_embedding: bool = False
    """Whether steps return `embedding`."""

    def step(self, samples: NDArray[np.float32], state: NDArray[np.float32]) -> Step:
        """Run one step.

        Args:
            samples: float32 (B, window) in [-1, 1].
            state: float32 (B, S); `initial_state` at the start of a stream.
        """
        ...

    def front_end(self, hop: Hop, compiled: bool = False) -> FrontEnd:
        """A front end for a new stream: it computes the inputs of `run` from the ring buffer.

        `compiled`: prefer a compiled kernel, which starts slowly but pays off for many streams.
        """
        return SampleWindow(hop)

    def run(self, inputs: NDArray[np.float32], state: NDArray[np.float32]) -> Step:
        """`step` without the front end; `inputs` stacks the front-end outputs of B streams."""
        return self.step(inputs, state)


def initial_state(card: ModelCard, streams: int = 1, hop: Hop | None = None) -> NDArray[np.float32]:
    """The state at the start of a stream, float32 (streams, S): zeros, plus the hop entry if any.

    If `hop` is None, the hop entry is zero, which stands for the model's default hop.
    """
    state = np.zeros((streams, card.state_size), np.float32)
    if card.hop_entry is not None and hop is not None:
        state[:, card.hop_entry] = hop.seconds
    return state
