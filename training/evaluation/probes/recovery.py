"""After a change of track: accuracy by the seconds since, the old state carried on or emptied.

Pairs of tracks of different genres, 10 s of the first and then the second, at one and the same
audio; the window goes on over the change in both, only the state differs. Judged are single
steps, before any smoothing. Pairs share tracks, so the intervals, drawn over pairs, are somewhat
too narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from streamgenre.model.card import Hop
from streamgenre.model.engine import Engine

from ...inference import Audio, Progress, no_progress, stream_tracks
from ..inputs import LONG, Scored, seconds
from ..metrics import Result, interval, mean_draws
from ..presentation import STATE_COLOURS, number, single, table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BEFORE, AFTER = 10.0, 15.0  # s
_PAIRS = 200
_Shares = tuple[float, ...]


class Recovery(Result):
    """Shares of single steps, by the seconds since the change."""

    hop: float  # s
    pairs: int
    accuracy_before: float
    seconds: tuple[float, ...]
    carried: _Shares
    carried_interval: tuple[tuple[float, float], ...]
    reset: _Shares
    reset_interval: tuple[tuple[float, float], ...]
    old_genre: _Shares = Field(alias="old_genre_carried")


def draw_pairs(true: Sequence[int], count: int, seed: int = 0) -> list[tuple[int, int]]:
    """Indices of up to `count` different pairs of tracks of different genres."""
    labels = np.asarray(true)
    pairs = len(labels) ** 2
    # Enough draws for any usual mix of genres, rather than a list of all pairs of a large set.
    drawn = np.random.default_rng(seed).choice(pairs, min(pairs, 50 * count), replace=False)
    first, second = np.divmod(drawn, len(labels))
    differ = np.flatnonzero(labels[first] != labels[second])[:count]
    return [(int(first[i]), int(second[i])) for i in differ]


def measure(
    engine: Engine,
    scored: Scored,
    audio: Audio,
    hop: Hop,
    pairs: int = _PAIRS,
    progress: Progress = no_progress,
) -> Recovery | None:
    """Accuracy after each step since the change; None without two long tracks that differ."""
    long = scored.at(np.array([seconds(audio, key) >= LONG for key in scored.keys]))
    chosen = draw_pairs(long.true.tolist(), pairs)
    if not chosen:
        return None
    before, after = round(BEFORE / hop.seconds), round(AFTER / hop.seconds)
    streams = {
        f"{a} {b}": np.concatenate(
            [
                audio[long.keys[a]][: before * hop.samples],
                audio[long.keys[b]][: after * hop.samples],
            ]
        )
        for a, b in chosen
    }
    old, new = (long.true[list(side)] for side in zip(*chosen, strict=True))
    carried = _guesses(engine, streams, hop, None, progress)
    emptied = _guesses(engine, streams, hop, before, progress)
    right = [(guesses[:, before:] == new[:, None]).astype(float) for guesses in (carried, emptied)]
    ends = [interval(mean_draws(hits)).round(4).T.tolist() for hits in right]
    return Recovery(
        hop=hop.seconds,
        pairs=len(chosen),
        accuracy_before=round(float((carried[:, before - 1] == old).mean()), 4),
        seconds=tuple(round((i + 1) * hop.seconds, 3) for i in range(after)),
        carried=_rounded(right[0].mean(0)),
        carried_interval=ends[0],
        reset=_rounded(right[1].mean(0)),
        reset_interval=ends[1],
        old_genre=_rounded((carried[:, before:] == old[:, None]).mean(0)),
    )


def _guesses(
    engine: Engine, streams: Audio, hop: Hop, reset_before: int | None, progress: Progress
) -> NDArray[np.int64]:
    kind = "carried" if reset_before is None else "reset"
    runs = stream_tracks(
        engine, streams, list(streams), hop, reset_before=reset_before, progress=progress,
        doing=f"changes of track, state {kind}",
    )  # fmt: skip
    return np.stack([runs[key].probabilities.argmax(1) for key in streams])


def _rounded(values: NDArray[np.float64]) -> _Shares:
    return tuple(round(float(value), 4) for value in values)


def section(r: Recovery | None) -> list[str]:
    """Accuracy since a change of track."""
    if not r:
        return []
    at = {s: i for i, s in enumerate(r.seconds)}
    rows = [
        (f"{s:g} s", *(number(shares[at[s]]) for shares in (r.carried, r.reset, r.old_genre)))
        for s in (0.5, 1.0, 2.5, 5.0, 10.0, 15.0)
        if s in at
    ]
    return [
        "## After a change of track",
        f"{r.pairs} pairs, 10 s of one track and then another of another genre; single steps "
        f"of {r.hop} s, whose window holds the old track until it has passed. Accuracy before "
        f"the change: {r.accuracy_before:.3f}.",
        "[picture: recovery]",
        table(["since the change", "state carried", "state reset", "still the old genre"], rows),
    ]


def plot(r: Recovery | None) -> Figure | None:
    """Accuracy since a change of track, the state carried or emptied at the change."""
    if not r:
        return None
    figure, axes = single()
    for shares, ends, kind, name in (
        (r.carried, r.carried_interval, "carried", "state carried over the change"),
        (r.reset, r.reset_interval, "without_state", "state emptied at the change"),
    ):
        low, high = np.array(ends).T
        axes.fill_between(r.seconds, low, high, color=STATE_COLOURS[kind], alpha=0.15, linewidth=0)
        axes.plot(r.seconds, shares, color=STATE_COLOURS[kind], label=name)
    axes.plot(r.seconds, r.old_genre, color="#7a7a7a", ls=":", label="still the old genre")
    axes.axhline(r.accuracy_before, color="black", lw=0.8, ls="--", label="before the change")
    axes.set_xlim(0, r.seconds[-1])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("seconds since the change of track")
    axes.set_ylabel("share of steps")
    axes.set_title(f"{r.pairs} pairs, single steps of {r.hop} s", fontsize=10)
    axes.legend(frameon=False, fontsize=8)
    return figure
