"""Stepping a variant of a package as any host would: the last window of samples, and the state."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelFileError, first_line

Floats = NDArray[np.float32]


class Shape(NamedTuple):
    """What a host must know."""

    hop: int  # new samples a step
    window: int  # samples a step reads
    batch: int
    state: int


class Heard(NamedTuple):
    """What a run gave, step by step."""

    probabilities: Floats  # (steps, B, C)
    music: Floats  # (steps, B)
    memory: Floats  # (steps, B, `remember`): the first numbers of each step's state
    state: Floats  # (B, S), after the last step


def run(session: Any, shape: Shape, samples: Floats, remember: int = 0) -> Heard:
    """Every whole hop of samples (B, n), from a fresh start; n at least one hop.

    `remember`: how many of the state's first numbers to keep of each step.
    """
    before = np.zeros((shape.batch, shape.window - shape.hop), np.float32)
    heard = np.concatenate([before, samples], axis=1)
    state = np.zeros((shape.batch, shape.state), np.float32)
    probabilities, music, memory = [], [], []
    for start in range(0, samples.shape[1] - shape.hop + 1, shape.hop):
        window = np.ascontiguousarray(heard[:, start : start + shape.window])
        try:
            said, sounds, state = session.run(
                ["probabilities", "music", "next_state"], {"samples": window, "state": state}
            )
        except Exception as error:  # its own exception types share no public base
            raise ModelFileError(f"the step cannot be run: {first_line(error)}") from None
        probabilities.append(said)
        music.append(sounds)
        memory.append(state[:, :remember].copy())
    return Heard(np.stack(probabilities), np.stack(music), np.stack(memory), state)
