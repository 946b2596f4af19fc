"""The training tracks of a run: a share of the artists, and augmented copies."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from ..data import Track
from ..streams.artificial import copies
from ..streams.sequences import NO_GENRE, Clip


def some_groups(tracks: Sequence[Track], share: float, draw: int = 0) -> list[Track]:
    """Return the tracks of a share of the groups of every genre, at least one group each.

    A smaller share is a subset of a larger one with the same `draw`.
    """
    if share >= 1:
        return list(tracks)
    groups: dict[str, set[str]] = {}
    for track in tracks:
        groups.setdefault(track.genre, set()).add(track.group)
    kept = set()
    for genre, names in groups.items():
        # Checksums of the names are distributed evenly and need no seed.
        salt = f"{draw} " if draw else ""
        drawn = sorted(names, key=lambda name: (zlib.crc32(f"{salt}{name}".encode()), name))
        kept |= {(genre, name) for name in drawn[: max(1, round(share * len(drawn)))]}
    return [track for track in tracks if (track.genre, track.group) in kept]


def changed_clips(music: Sequence[Clip], count: int, seed: int) -> list[Clip]:
    """Return `count` copies of every labelled clip with another pitch or tempo."""
    return [
        Clip(copy, clip.label, clip.music)
        for number, clip in enumerate(music)
        if clip.label != NO_GENRE
        for copy in copies(clip.samples, seed * 1_000_003 + number, count)
    ]
