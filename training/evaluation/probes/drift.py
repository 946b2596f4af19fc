"""Drift over long music, minute by minute: does accuracy hold, does the state stay bounded?

From tracks of two minutes and more. Where there are fewer than five, from tracks of one genre
played in a row for ten minutes, one row a genre, the state carried over: then every joint is a
change of track, and a genre with less music plays it again. The result says so ("made_of").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from streamgenre.model.card import Hop
from streamgenre.model.engine import Engine

from ...data.record import SAMPLE_RATE
from ...inference import Audio, Progress, no_progress, stream_tracks
from ..inputs import LONG, Scored, seconds
from ..metrics import Estimate, Result, mean_draws, with_interval
from ..presentation import STATE_COLOURS, STATE_NAMES, canvas, number, table, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LONG_TRACK = 120.0  # s
ENOUGH = 5  # long tracks
LONGEST = 10  # minutes
_ROW_TRACKS = 3  # that a genre needs for a row


class Minute(Result):
    """All streams that are so long."""

    minute: int
    streams: int
    accuracy: Estimate
    accuracy_without_state: Estimate
    state_norm: float
    state_norm_largest: float


class Drift(Result):
    """Minute by minute."""

    made_of: str
    hop: float  # s
    streams: int
    minutes: tuple[Minute, ...]


def measure(
    engine: Engine, scored: Scored, audio: Audio, hop: Hop, progress: Progress = no_progress
) -> Drift | None:
    """Accuracy of the steps and norm of the state in every minute; None without enough music."""
    long, made_of = _long_tracks(scored, audio), "tracks of two minutes and more"
    true = dict(zip(scored.keys, scored.true.tolist(), strict=True))
    if len(long) < ENOUGH:
        long, true = _rows(scored, audio)
        made_of = "tracks in a row"
    if not long:
        return None
    carried, alone = (
        stream_tracks(
            engine, long, list(long), hop, carry=carry, progress=progress,
            doing=f"minute by minute, state {'carried' if carry else 'reset'}",
        )
        for carry in (True, False)
    )  # fmt: skip
    minutes = []
    for minute in range(LONGEST):
        steps = slice(round(minute * 60 / hop.seconds), round((minute + 1) * 60 / hop.seconds))
        whole = [key for key in long if len(long[key]) >= steps.stop * hop.samples]
        if not whole:
            break
        shares = [
            [(runs[k].probabilities[steps].argmax(1) == true[k]).mean() for k in whole]
            for runs in (carried, alone)
        ]
        accuracy, reset = (with_interval(float(np.mean(s)), mean_draws(s)) for s in shares)
        norms = np.concatenate([carried[key].state_norm[steps] for key in whole])
        minutes.append(
            Minute(
                minute=minute + 1,
                streams=len(whole),
                accuracy=accuracy,
                accuracy_without_state=reset,
                state_norm=round(float(norms.mean()), 4),
                state_norm_largest=round(float(norms.max()), 4),
            )
        )
    return Drift(made_of=made_of, hop=hop.seconds, streams=len(long), minutes=tuple(minutes))


def _long_tracks(scored: Scored, audio: Audio) -> dict[str, NDArray[np.int16]]:
    longest = LONGEST * 60 * SAMPLE_RATE
    return {k: audio[k][:longest] for k in scored.keys if seconds(audio, k) >= LONG_TRACK}


def _rows(
    scored: Scored, audio: Audio, seed: int = 0
) -> tuple[dict[str, NDArray[np.int16]], dict[str, int]]:
    """For each genre ten minutes of its clips of 20 s and more, and the genre of each row."""
    rng = np.random.default_rng(seed)
    rows: dict[str, NDArray[np.int16]] = {}
    true: dict[str, int] = {}
    for label in np.unique(scored.true).tolist():
        members = scored.at(scored.true == label).keys
        keys = [key for key in members if seconds(audio, key) >= LONG]
        if len(keys) < _ROW_TRACKS:
            continue
        row = np.concatenate([audio[key] for key in rng.permutation(keys)])
        # The same rows in every minute: else minutes would differ by their genres.
        rows[f"row {label}"] = np.resize(row, LONGEST * 60 * SAMPLE_RATE)
        true[f"row {label}"] = label
    return rows, true


def section(d: Drift | None) -> list[str]:
    """Long streams."""
    if not d:
        return []
    rows = [
        (
            m.minute,
            m.streams,
            m.accuracy,
            m.accuracy_without_state,
            number(m.state_norm, 2),
            number(m.state_norm_largest, 2),
        )
        for m in d.minutes
    ]
    header = ["minute", "streams", "state carried", "state reset", "norm of state", "largest"]
    return [
        "## Minute by minute",
        f"{d.streams} streams of {d.made_of}, steps of {d.hop} s.",
        "[picture: minutes]",
        table(header, rows),
    ]


def plot(d: Drift | None) -> Figure | None:
    """Accuracy above, norm of the state below, minute by minute."""
    if not d or not d.minutes:
        return None
    figure = canvas(6.0, 4.8)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    minute = [m.minute for m in d.minutes]
    for kind, estimates in (
        ("carried", [m.accuracy for m in d.minutes]),
        ("without_state", [m.accuracy_without_state for m in d.minutes]),
    ):
        middle, low, high = np.array(estimates).T
        colour = STATE_COLOURS[kind]
        above.fill_between(minute, low, high, color=colour, alpha=0.15, linewidth=0)
        above.plot(minute, middle, color=colour, marker="o", ms=4, label=STATE_NAMES[kind])
    below.plot(minute, [m.state_norm for m in d.minutes], color="#0b6e99", label="mean")
    below.plot(
        minute, [m.state_norm_largest for m in d.minutes], color="#0b6e99", ls=":", label="largest"
    )
    below.set_ylim(bottom=0)
    below.set_xticks(minute)
    below.set_xlabel("minute of the stream")
    below.set_ylabel("norm of the state")
    above.set_ylabel("accuracy of steps")
    above.set_title(f"{d.streams} streams of {d.made_of}", fontsize=10)
    for axes in (above, below):
        axes.legend(frameon=False, fontsize=8)
        tidy(axes, percent=axes is above)
    return figure
