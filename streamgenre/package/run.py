"""Run the steps of a package file as a host program does: the latest window, and the state."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelFileError, first_line

Floats = NDArray[np.float32]


class Shape(NamedTuple):
    """The sizes that a host needs."""

    hop: int  # new samples per step
    window: int  # samples that a step reads
    batch: int
    state: int


class Outputs(NamedTuple):
    """The outputs of all steps of a run."""

    probabilities: Floats  # (steps, B, C)
    music: Floats  # (steps, B)
    memory: Floats  # (steps, B, `remember`): the first numbers of each step's state
    state: Floats  # (B, S), after the last step


def run(session: Any, shape: Shape, samples: Floats, remember: int = 0) -> Outputs:
    """Run each complete hop of samples (B, n) from a zero state; n is at least one hop.

    `remember`: how many leading numbers of each step's state to return as `memory`.
    """
    before = np.zeros((shape.batch, shape.window - shape.hop), np.float32)
    padded = np.concatenate([before, samples], axis=1)
    state = np.zeros((shape.batch, shape.state), np.float32)
    probabilities, music, memory = [], [], []
    for start in range(0, samples.shape[1] - shape.hop + 1, shape.hop):
        window = np.ascontiguousarray(padded[:, start : start + shape.window])
        try:
            genre, sound, state = session.run(
                ["probabilities", "music", "next_state"], {"samples": window, "state": state}
            )
        except Exception as error:  # ONNX Runtime's exception types share no public base
            raise ModelFileError(f"the step cannot be run: {first_line(error)}") from None
        probabilities.append(genre)
        music.append(sound)
        memory.append(state[:, :remember].copy())
    return Outputs(np.stack(probabilities), np.stack(music), np.stack(memory), state)
