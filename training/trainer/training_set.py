"""What of the training split a run hears: a share of its artists, and artificial copies."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from ..data import Track
from ..streams.artificial import copies
from ..streams.sequences import NO_GENRE, Piece


def some_groups(tracks: Sequence[Track], share: float, draw: int = 0) -> list[Track]:
    """The tracks of a share of the groups of every genre, one group of it at least.

    A smaller share is a part of a larger one of the same draw, the same in every run.
    """
    if share >= 1:
        return list(tracks)
    groups: dict[str, set[str]] = {}
    for track in tracks:
        groups.setdefault(track.genre, set()).add(track.group)
    kept = set()
    for genre, names in groups.items():
        # By their sums, which are spread evenly and need no seed.
        salt = f"{draw} " if draw else ""
        drawn = sorted(names, key=lambda name: (zlib.crc32(f"{salt}{name}".encode()), name))
        kept |= {(genre, name) for name in drawn[: max(1, round(share * len(drawn)))]}
    return [track for track in tracks if (track.genre, track.group) in kept]


def changed_pieces(music: Sequence[Piece], count: int, seed: int) -> list[Piece]:
    """`count` copies of every labelled piece at another pitch or tempo."""
    return [
        Piece(copy, piece.label, piece.music)
        for number, piece in enumerate(music)
        if piece.label != NO_GENRE
        for copy in copies(piece.samples, seed * 1_000_003 + number, count)
    ]
