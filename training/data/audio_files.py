"""Which files of a folder are audio, for layouts that have no table of them.

The extensions are those of containers that libsndfile or FFmpeg read for `streamgenre`.
"""

from __future__ import annotations

import os
from pathlib import Path

from .record import DataError

# fmt: off
EXTENSIONS = frozenset((
    ".aac", ".ac3", ".aif", ".aiff", ".alac", ".ape", ".au", ".caf", ".flac", ".m4a", ".mka",
    ".mp2", ".mp3", ".mp4", ".mpc", ".oga", ".ogg", ".opus", ".snd", ".wav", ".webm", ".wma", ".wv",
))
# fmt: on


def audio_files(folder: Path) -> list[Path]:
    """Audio files below a folder, sorted; hidden files and folders are left out."""
    found: list[Path] = []
    above: dict[Path, tuple[Path, ...]] = {folder: ()}  # real folders on the way to each
    for name, folders, names in os.walk(folder, followlinks=True, onerror=_refuse):
        # Genre folders are often links to another disk, or to one another; only a link to a
        # folder that we are in must not be followed, since it goes round.
        where = Path(name)
        way = (*above.pop(where), Path(os.path.realpath(where)))
        inside = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        folders[:] = [name for name in inside if not _goes_round(where / name, way)]
        above |= {where / name: way for name in folders}
        found += [
            where / name
            for name in names
            if not name.startswith(".") and Path(name).suffix.lower() in EXTENSIONS
        ]
    return sorted(found)


def _goes_round(folder: Path, way: tuple[Path, ...]) -> bool:
    """Whether a folder is one of those on the way to it, or holds one of them."""
    real = os.path.realpath(folder)
    return any(step.is_relative_to(real) for step in way)


def _refuse(error: OSError) -> None:
    """A folder that cannot be read would be a genre without tracks; an absent one has none."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        reason = error.strerror or error
        raise DataError(f"{error.filename}: cannot be read: {reason}; check its owner and mode")
