"""Detection of files that occur twice in a data set: links, or one path with two keys.

If they are on two sides of the split, the metrics are too optimistic. If they have two genres, one
of them is wrong.
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


def _shared_files(tracks: Sequence[Track]) -> list[list[Track]]:
    """Return the tracks of each file that belongs to several tracks."""
    _real.cache_clear()
    by_file: dict[Hashable, list[Track]] = defaultdict(list)
    for track in tracks:
        status = track.path.lstat()
        file: Hashable = _real(track.path.parent) / track.path.name
        if stat.S_ISLNK(status.st_mode):
            file, status = _real(track.path), track.path.stat()
        if status.st_nlink > 1 and status.st_ino:  # hard links have no canonical path
            file = (status.st_dev, status.st_ino)
        by_file[file].append(track)
    return [same for same in by_file.values() if len(same) > 1]


def without_links(root: Path, tracks: Sequence[Track]) -> tuple[tuple[Track, ...], tuple[str, ...]]:
    """Keep each file once, in its real folder; return a warning about the links left out."""
    left_out, named = set(), []
    for same in _shared_files(tracks):
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
    """Warn about shared files. For layouts with a table, where neither track can be left out."""
    same = _shared_files([t for t in tracks if t.split != "demo"])
    wrong = [ts for ts in same if len({(t.genre, t.split) for t in ts}) > 1]
    right = [ts for ts in same if len({(t.genre, t.split) for t in ts}) == 1]
    warnings = []
    for what, sets in (
        ("in two genres or on two sides of the split: metrics will be wrong", wrong),
        ("with the same genre and split", right),
    ):
        if sets:
            named = [f"{' and '.join(t.key for t in ts[:3])} are {ts[0].path.name}" for ts in sets]
            warnings.append(f"{len(sets)} audio files under several keys, {what}: {some(named)}")
    return tuple(warnings)
