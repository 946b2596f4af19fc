"""The base model's features of each track: outputs such as its state, at every step.

The usual way to new classes from few examples: a trained network's features and a linear model on
them (Razavian et al. 2014, "CNN features off-the-shelf"; for music, Choi et al. 2017).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from streamgenre.model.card import Hop
from streamgenre.model.engine import Engine, initial_state

from ..inference import steps_of, window_at

LONGEST = 60  # at most so many steps of a track are used at a hop: its middle
_BATCH = 16

Values = NDArray[np.float32]


def excerpt(samples: NDArray[np.int16], hop: Hop) -> NDArray[np.int16]:
    """The middle of a track, as long as its steps may be many."""
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
    """The outputs that `reads` names and `music`, side by side: (steps, F + 1) for each track.

    Each is a stream of its own, many stepped at once; `done` is called after each.
    """
    excerpts = {key: excerpt(audio[key], hop) for key in keys}
    # Tracks of like length share a batch, the longest first: those that ended leave its tail.
    order = sorted(keys, key=lambda key: len(excerpts[key]), reverse=True)
    outputs_of: dict[str, Values] = {}
    for first in range(0, len(order), _BATCH):
        group = order[first : first + _BATCH]
        counts = [steps_of(len(excerpts[key]), hop) for key in group]
        state = initial_state(engine.card, len(group), hop)
        rows: list[list[Values]] = [[] for _ in group]
        for t in range(max(counts)):
            active = sum(count > t for count in counts)
            windows = np.stack([window_at(excerpts[key], t, hop) for key in group[:active]])
            step = engine.step(windows, state[:active])
            state = step.next_state
            outputs = [getattr(step, name) for name in reads]
            read = np.concatenate([*outputs, step.music[:, None]], 1)
            for row, values in zip(rows, read, strict=False):
                row.append(values)
        for key, row in zip(group, rows, strict=True):
            outputs_of[key] = np.stack(row)
            done()
    return outputs_of
