"""Long music minute by minute: does accuracy hold, does the state stay bounded?

From tracks of two minutes and more. Where there are fewer than five, from tracks of one genre
played in a row for ten minutes, one row a genre, the state carried over: then every joint is a
change of track, and a genre with less music plays it again. The result says so ("made_of").
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamgenre.model.card import Hop
from streamgenre.model.engine import Engine

from ..data.record import SAMPLE_RATE
from ..inference import Audio, Progress, no_progress, stream_tracks
from .bootstrap import mean_draws, with_interval
from .scored import LONG, Scored, seconds

LONG_TRACK = 120.0  # s
ENOUGH = 5  # long tracks
LONGEST = 10  # minutes
_ROW_TRACKS = 3  # that a genre needs for a row


def minutes(
    engine: Engine, scored: Scored, audio: Audio, hop: Hop, progress: Progress = no_progress
) -> dict[str, Any] | None:
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
    rows = []
    for minute in range(LONGEST):
        steps = slice(round(minute * 60 / hop.seconds), round((minute + 1) * 60 / hop.seconds))
        whole = [key for key in long if len(long[key]) >= steps.stop * hop.samples]
        if not whole:
            break
        right = {
            name: [(runs[k].probabilities[steps].argmax(1) == true[k]).mean() for k in whole]
            for name, runs in (("accuracy", carried), ("accuracy_without_state", alone))
        }
        norms = np.concatenate([carried[key].state_norm[steps] for key in whole])
        rows.append(
            {
                "minute": minute + 1,
                "streams": len(whole),
                **{
                    name: with_interval(float(np.mean(shares)), mean_draws(shares))
                    for name, shares in right.items()
                },
                "state_norm": round(float(norms.mean()), 4),
                "state_norm_largest": round(float(norms.max()), 4),
            }
        )
    return {"made_of": made_of, "hop": hop.seconds, "streams": len(long), "minutes": rows}


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
