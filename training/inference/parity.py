"""Parity check: runs engines side by side over many steps, each with its own carried state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from streamgenre.model.engine import Step

PARITY_STEPS = 500
PARITY = 1e-4  # largest allowed difference in probability

Stepper = Callable[[NDArray[np.float32], NDArray[np.float32]], Step]
"""`Engine.step`: samples (1, window) and state (1, S) -> Step."""


def carried_steps(
    steppers: Sequence[Stepper], window: int, state: NDArray[np.float32], steps: int
) -> Iterator[list[Step]]:
    """Yield the outputs of all engines for each step, on the same noise of changing level.

    Each engine starts from `state` (1, S) and carries its own state.
    """
    rng = np.random.default_rng(0)
    states = [state] * len(steppers)
    for _ in range(steps):
        level = 10 ** rng.uniform(-3, 0)
        samples = np.clip(rng.standard_normal((1, window)) * level, -1, 1).astype(np.float32)
        outputs = [step(samples, own) for step, own in zip(steppers, states, strict=True)]
        states = [output.next_state for output in outputs]
        yield outputs
