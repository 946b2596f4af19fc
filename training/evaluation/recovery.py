"""After a change of track: accuracy by the seconds since, the old state carried on or emptied.

Pairs of tracks of different genres, 10 s of the first and then the second, at one and the same
audio; the window goes on over the change in both, only the state differs. Judged are single
steps, before any smoothing. Pairs share tracks, so the intervals, drawn over pairs, are somewhat
too narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamgenre.model.card import Hop
from streamgenre.model.engine import Engine

from ..inference import Audio, Progress, no_progress, stream_tracks
from .bootstrap import interval, mean_draws
from .scored import LONG, Scored, seconds

BEFORE, AFTER = 10.0, 15.0  # s
_PAIRS = 200


def draw_pairs(true: Sequence[int], count: int, seed: int = 0) -> list[tuple[int, int]]:
    """Indices of up to `count` different pairs of tracks of different genres."""
    labels = np.asarray(true)
    pairs = len(labels) ** 2
    # Enough draws for any usual mix of genres, rather than a list of all pairs of a large set.
    drawn = np.random.default_rng(seed).choice(pairs, min(pairs, 50 * count), replace=False)
    first, second = np.divmod(drawn, len(labels))
    differ = np.flatnonzero(labels[first] != labels[second])[:count]
    return [(int(first[i]), int(second[i])) for i in differ]


def recovery(
    engine: Engine,
    scored: Scored,
    audio: Audio,
    hop: Hop,
    pairs: int = _PAIRS,
    progress: Progress = no_progress,
) -> dict[str, Any] | None:
    """Accuracy after each step since the change; None without two long tracks that differ."""
    long = scored.at(np.array([seconds(audio, key) >= LONG for key in scored.keys]))
    chosen = draw_pairs(long.true.tolist(), pairs)
    if not chosen:
        return None
    before, after = round(BEFORE / hop.seconds), round(AFTER / hop.seconds)
    joined = {
        f"{a} {b}": np.concatenate(
            [
                audio[long.keys[a]][: before * hop.samples],
                audio[long.keys[b]][: after * hop.samples],
            ]
        )
        for a, b in chosen
    }
    old, new = (long.true[list(side)] for side in zip(*chosen, strict=True))
    carried = _guesses(engine, joined, hop, None, progress)
    emptied = _guesses(engine, joined, hop, before, progress)
    found: dict[str, Any] = {
        "hop": hop.seconds,
        "pairs": len(chosen),
        "accuracy_before": round(float((carried[:, before - 1] == old).mean()), 4),
        "seconds": [round((i + 1) * hop.seconds, 3) for i in range(after)],
    }
    for name, guesses in (("carried", carried), ("reset", emptied)):
        right = (guesses[:, before:] == new[:, None]).astype(float)
        found[name] = _rounded(right.mean(0))
        found[f"{name}_interval"] = [_rounded(row) for row in interval(mean_draws(right)).T]
    found["old_genre_carried"] = _rounded((carried[:, before:] == old[:, None]).mean(0))
    return found


def _guesses(
    engine: Engine, joined: Audio, hop: Hop, reset_before: int | None, progress: Progress
) -> NDArray[np.int64]:
    kind = "carried" if reset_before is None else "reset"
    runs = stream_tracks(
        engine, joined, list(joined), hop, reset_before=reset_before, progress=progress,
        doing=f"changes of track, state {kind}",
    )  # fmt: skip
    return np.stack([runs[key].probabilities.argmax(1) for key in joined])


def _rounded(values: NDArray[np.float64]) -> list[float]:
    return [round(float(value), 4) for value in values]
