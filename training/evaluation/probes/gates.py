"""The gates over time: does the fed-back state change what the network extracts?

A gate is the mean over a block's channels of the factor that its feature maps are scaled by; in
this network it depends on the previous state, too. The gates with the state carried are compared
with those of the same windows with the state set to zero at every step: their difference is the
effect of the feedback.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from streamgenre.model.card import Hop
from streamgenre.model.engine import Engine, initial_state

from ...data.decoding import to_int16
from ...data.record import SAMPLE_RATE
from ...inference import Audio, steps_of, window_at
from ..inputs import Scored, seconds
from ..metrics import Result
from ..presentation import canvas, number, table, tidy
from .carry_over import cut, lay_out

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# As many labels are shown: more lines cannot be told apart.
_COLOURS = (
    "#0b6e99", "#c8553d", "#5b8c5a", "#d98c2b", "#7a4e8a", "#5f6b73", "#b5a429", "#d07aa4",
    "#1f1f1f",
)  # fmt: skip

PART, SHORTEST = 20.0, 15.0  # s
MOST = 6  # genres


class GatePart(Result):
    """Where a genre begins."""

    start: float  # s
    genre: str


class Block(Result):
    """The gate of one block over time."""

    name: str = Field(alias="block")
    mean: float
    spread_over_time: float
    difference_to_zero_state: float


class Gates(Result):
    """How far the carried state moves the gates from where an empty state would leave them."""

    hop: float  # s
    seconds: float
    parts: tuple[GatePart, ...]
    difference_to_zero_state: float
    blocks: tuple[Block, ...]


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


def over_genres(
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
    whole = len(stream.samples) // hop.samples * hop.samples  # a padded step would count as one
    over = gates_over(engine, stream.samples[:whole], hop)
    if over is None:
        return None
    starts = [start / SAMPLE_RATE for start, _ in stream.edges]
    genres = [engine.card.label_names[label] for label in stream.true]
    return replace(over, changes=tuple(zip(starts, genres, strict=True)))


def summarise(over: GatesOver) -> Gates:
    """Of each block: mean and spread over time, and how far the state moves it from zero state."""
    apart = np.abs(over.gates - over.reset).mean(0)
    return Gates(
        hop=over.hop,
        seconds=round(float(over.times[-1]), 3),
        parts=tuple(GatePart(start=round(start, 3), genre=genre) for start, genre in over.changes),
        difference_to_zero_state=round(float(apart.mean()), 5),
        blocks=tuple(
            Block(
                name=name,
                mean=round(float(over.gates[:, i].mean()), 5),
                spread_over_time=round(float(over.gates[:, i].std()), 5),
                difference_to_zero_state=round(float(apart[i]), 5),
            )
            for i, name in enumerate(over.names)
        ),
    )


def section(gates: Gates | None) -> list[str]:
    """What the feedback does in the gates."""
    if not gates:
        return []
    rows = [
        (
            block.name,
            number(block.mean),
            number(block.spread_over_time),
            number(block.difference_to_zero_state, 4),
        )
        for block in gates.blocks
    ]
    genres = ", ".join(part.genre for part in gates.parts)
    return [
        "## The gates over time",
        f"One track each of {genres}, joined by hard cuts, {gates.seconds:g} s, steps of "
        f"{gates.hop} s. A gate is the mean over its block's channels. The last column is how far "
        "the carried state moves it from where an empty state would leave it, on the same window: "
        "that is what the feedback does.",
        "[picture: gates]",
        table(["block", "mean", "spread over time", "carried against empty state"], rows),
    ]


def plot(over: GatesOver | None) -> Figure | None:
    """Probability of the true and of the best labels; below, each gate less its mean over time."""
    if over is None:
        return None
    blocks = over.gates.shape[1]
    figure = canvas(9.0, 4.0 + 0.16 * blocks)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1 + 0.09 * blocks))
    true = [over.labels.index(genre) for _, genre in over.changes]
    by_mean = np.argsort(-over.probabilities.mean(0), kind="stable").tolist()
    shown = list(dict.fromkeys([*true, *by_mean]))[: len(_COLOURS)]
    for colour, label in zip(_COLOURS, shown, strict=False):
        name = over.labels[label]
        above.plot(over.times, over.probabilities[:, label], color=colour, lw=1.4, label=name)
    moved = (over.gates - over.gates.mean(0)).T
    limit = max(float(np.quantile(np.abs(moved), 0.99)), 1e-6)
    end = float(over.times[-1])
    image = below.imshow(
        moved, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest",
        extent=(0.0, end, blocks + 0.5, 0.5),
    )  # fmt: skip
    bar = figure.colorbar(image, ax=below, pad=0.01)
    bar.set_label("gate less its mean", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    bar.outline.set_visible(False)
    for start, genre in over.changes:
        if start > 0:
            above.axvline(start, color="black", lw=0.8)
            below.axvline(start, color="black", lw=0.8)
        above.text(start + 0.3, 1.02, genre, fontsize=8, va="bottom")
    above.set_xlim(0, end)
    above.set_ylim(0, 1.1 if over.changes else 1.02)
    above.set_yticks([0, 0.25, 0.5, 0.75, 1])
    above.set_ylabel("probability of a step")
    tidy(above)
    figure.legend(
        *above.get_legend_handles_labels(),
        frameon=False, fontsize=8, loc="outside upper center", ncols=len(_COLOURS),
    )  # fmt: skip
    below.set_yticks(range(1, blocks + 1), over.names)
    below.tick_params(axis="y", labelsize=7)
    below.set_xlabel("seconds of the stream; lines are changes of track")
    return figure
