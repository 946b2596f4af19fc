"""Features of each track: outputs of the base model, such as its state, at every step.

A linear model on the features of a trained network is the usual method for new classes with few
examples (Razavian et al. 2014, "CNN features off-the-shelf"; for music, Choi et al. 2017).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from streamgenre.model.card import Hop
from streamgenre.model.engine import Engine, initial_state

from ..inference import batches_of, windows_of

LONGEST = 60  # steps per hop; of longer tracks only the middle is used
_BATCH = 16

Values = NDArray[np.float32]


def excerpt(samples: NDArray[np.int16], hop: Hop) -> NDArray[np.int16]:
    """The middle of a track, at most LONGEST steps."""
    longest = LONGEST * hop.samples
    first = max(0, (len(samples) - longest) // 2)
    return samples[first : first + longest]


def run_base(
    engine: Engine,
    audio: Mapping[str, NDArray[np.int16]],
    keys: Sequence[str],
    hop: Hop,
    reads: Sequence[str],
    done: Callable[[], None] = lambda: None,
) -> dict[str, Values]:
    """Run every track as a stream, in batches, and return its outputs: (steps, F + 1) by key.

    The columns are those of the outputs `reads`, then `music`. `done` is called after each track.
    """
    excerpts = {key: excerpt(audio[key], hop) for key in keys}
    outputs_of: dict[str, Values] = {}
    for group in batches_of(excerpts, keys, _BATCH):
        state = initial_state(engine.card, len(group), hop)
        rows: list[list[Values]] = [[] for _ in group]
        for windows in windows_of(excerpts, group, hop):
            step = engine.step(windows, state[: len(windows)])
            state = step.next_state
            outputs = [getattr(step, name) for name in reads]
            read = np.concatenate([*outputs, step.music[:, None]], 1)
            for row, values in zip(rows, read, strict=False):
                row.append(values)
        for key, row in zip(group, rows, strict=True):
            outputs_of[key] = np.stack(row)
            done()
    return outputs_of
