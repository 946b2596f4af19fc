"""Every track's verdict, right ones and wrong ones side by side: what the figures are made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..data.record import Track
from .markdown import table
from .measures import Floats


def verdicts(
    tracks: Sequence[Track], labels: Sequence[str], probabilities: Floats, hop: str
) -> str:
    """Markdown: a table a genre, the most confident mistakes first, then what was right.

    `probabilities` (tracks, C), the mean over a track's steps of `hop` seconds.
    """
    parts = [
        f"# Verdicts, mean over steps of {hop} s",
        "Wrong ones stand first, the most confident of them at the top.",
    ]
    best = np.argsort(-probabilities, 1)[:, :2]
    for number, genre in enumerate(labels):
        own = [i for i, track in enumerate(tracks) if track.genre == genre]
        if not own:
            continue
        own.sort(key=lambda i: (best[i, 0] == number, -probabilities[i].max()))
        rows = [
            (
                "" if best[i, 0] == number else "wrong",
                _named(tracks[i]),
                *(f"{labels[c]} {probabilities[i, c]:.2f}" for c in best[i]),
            )
            for i in own
        ]
        right = sum(best[i, 0] == number for i in own)
        parts += [
            f"## {genre}: {right} of {len(own)}",
            table(["", "track", "said", "second guess"], rows),
        ]
    return "\n\n".join(parts) + "\n"


def _named(track: Track) -> str:
    words = " – ".join(word for word in (track.artist, track.title) if word)
    return words or track.key
