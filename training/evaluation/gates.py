"""What the gates do over time: does the fed-back state change how the network listens?

A gate is the mean over a block's channels of the factor that its feature maps are scaled by; in
this network the previous state has a part in it. Beside the gates with the state carried stand
those of the same windows with the state set to zero at every step: their difference is all that
the feedback does there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamgenre.model.card import Hop
from streamgenre.model.engine import Engine, initial_state

from ..data.decoding import to_int16
from ..data.record import SAMPLE_RATE
from ..inference import Audio, steps_of, window_at
from .join import cut, lay_out
from .scored import Scored, seconds

PART, SHORTEST = 20.0, 15.0  # s
MOST = 6  # genres


@dataclass(frozen=True)
class GatesOver:
    """One stream's gates, step by step."""

    hop: float  # s
    labels: tuple[str, ...]
    names: tuple[str, ...]  # (G,), what each gate belongs to
    probabilities: NDArray[np.float32]  # (steps, C)
    gates: NDArray[np.float32]  # (steps, G), the state carried
    reset: NDArray[np.float32]  # (steps, G), the state zero at every step
    changes: tuple[tuple[float, str], ...] = ()  # where a part begins, s, and its genre

    @property
    def times(self) -> NDArray[np.float64]:
        """The end of each step, s."""
        return np.arange(1, len(self.gates) + 1, dtype=np.float64) * self.hop


def gates_over(engine: Engine, samples: NDArray[Any], hop: Hop) -> GatesOver | None:
    """The gates over a recording, (n,) at the model's rate, int16 or floats in [-1, 1].

    None where the model gives no gates. For a file: `decode_mono(path, SAMPLE_RATE)`.
    """
    sound = samples if samples.dtype == np.int16 else to_int16(samples)
    state = zero = initial_state(engine.card, hop=hop)
    probabilities, gates, reset = [], [], []
    for t in range(steps_of(len(sound), hop)):
        window = window_at(sound, t, hop)[None]
        step, alone = engine.step(window, state), engine.step(window, zero)
        if step.gates is None or alone.gates is None or not step.gates.shape[1]:
            return None
        state = step.next_state
        probabilities.append(step.probabilities[0])
        gates.append(step.gates[0])
        reset.append(alone.gates[0])
    if not gates:
        return None
    shown = np.stack(probabilities), np.stack(gates), np.stack(reset)
    names = engine.card.gates or tuple(f"block {i + 1}" for i in range(shown[1].shape[1]))
    return GatesOver(hop.seconds, engine.card.label_names, names, *shown)


def gates_over_genres(
    engine: Engine, scored: Scored, audio: Audio, hop: Hop, seed: int = 0
) -> GatesOver | None:
    """The gates over one track each of up to six genres, 20 s of each, joined by hard cuts.

    None without gates or without two genres that have a track so long.
    """
    rng = np.random.default_rng(seed)
    long = [i for i, key in enumerate(scored.keys) if seconds(audio, key) >= SHORTEST]
    of_genre: dict[int, int] = {}
    for i in rng.permutation(np.array(long, int)).tolist():
        of_genre.setdefault(int(scored.true[i]), i)
    chosen = list(of_genre.values())[:MOST]
    if len(chosen) < 2:
        return None
    keys = tuple(scored.keys[i] for i in chosen)
    stream = lay_out([cut(audio[k], PART, 0.5) for k in keys], keys, scored.true[chosen], 0.0)
    found = gates_over(engine, stream.samples, hop)
    if found is None:
        return None
    starts = [start / SAMPLE_RATE for start, _ in stream.edges]
    genres = [engine.card.label_names[label] for label in stream.true]
    return replace(found, changes=tuple(zip(starts, genres, strict=True)))


def gates_summary(over: GatesOver) -> dict[str, Any]:
    """Of each block: mean and spread over time, and how far the state moves it from zero state."""
    apart = np.abs(over.gates - over.reset).mean(0)
    return {
        "hop": over.hop,
        "seconds": round(float(over.times[-1]), 3),
        "parts": [{"start": round(start, 3), "genre": genre} for start, genre in over.changes],
        "difference_to_zero_state": round(float(apart.mean()), 5),
        "blocks": [
            {
                "block": over.names[i],
                "mean": round(float(over.gates[:, i].mean()), 5),
                "spread_over_time": round(float(over.gates[:, i].std()), 5),
                "difference_to_zero_state": round(float(apart[i]), 5),
            }
            for i in range(over.gates.shape[1])
        ],
    }
