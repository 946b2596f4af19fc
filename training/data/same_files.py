"""Files that are in a data set twice: by links, or as the same path under two keys.

Heard in training and in the test they make it look better than it is; in two genres one is wrong.
"""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Hashable, Sequence
from functools import cache
from pathlib import Path

from .checks import some
from .record import Track


@cache
def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _same(tracks: Sequence[Track]) -> list[list[Track]]:
    """The tracks of each file that more than one track has."""
    _real.cache_clear()
    found: dict[Hashable, list[Track]] = defaultdict(list)
    for track in tracks:
        status = track.path.lstat()
        file: Hashable = _real(track.path.parent) / track.path.name
        if stat.S_ISLNK(status.st_mode):
            file, status = _real(track.path), track.path.stat()
        if status.st_nlink > 1 and status.st_ino:  # hard links have no path that is the real one
            file = (status.st_dev, status.st_ino)
        found[file].append(track)
    return [same for same in found.values() if len(same) > 1]


def without_links(root: Path, tracks: Sequence[Track]) -> tuple[tuple[Track, ...], tuple[str, ...]]:
    """Each file once, in the folder that it really lies in, and a warning of the others."""
    left_out, named = set(), []
    for same in _same(tracks):
        here = [t for t in same if _real(t.path) == _real(root) / t.key]
        kept = (here or same)[0]
        for track in same:
            if track is not kept:
                left_out.add(track.key)
                named.append(f"{track.key} is {kept.key}")
    if not named:
        return tuple(tracks), ()
    warning = f"audio files that are links to others, {len(named)} in all, left out: {some(named)}"
    return tuple(t for t in tracks if t.key not in left_out), (warning,)


def same_file_warnings(tracks: Sequence[Track]) -> tuple[str, ...]:
    """For layouts with a table, which alone can say which of two is right."""
    same = _same([t for t in tracks if t.split != "demo"])
    wrong = [ts for ts in same if len({(t.genre, t.split) for t in ts}) > 1]
    right = [ts for ts in same if len({(t.genre, t.split) for t in ts}) == 1]
    found = []
    for what, sets in (
        ("in two genres or on two sides of the split: figures will be wrong", wrong),
        ("with the same genre and split", right),
    ):
        if sets:
            named = [f"{' and '.join(t.key for t in ts[:3])} are {ts[0].path.name}" for ts in sets]
            found.append(f"{len(sets)} audio files under several keys, {what}: {some(named)}")
    return tuple(found)
