"""Finding audio files in a folder, for layouts without a table of files.

The extensions are those of containers that libsndfile or FFmpeg can read.
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
    """Return the audio files below a folder, sorted, without hidden files and folders."""
    paths: list[Path] = []
    ancestors: dict[Path, tuple[Path, ...]] = {folder: ()}  # resolved parents of each folder
    for name, folders, names in os.walk(folder, followlinks=True, onerror=_raise_unreadable):
        # Genre folders are often links to another disk or to each other. Links are followed unless
        # they lead back to a parent, which would be an endless loop.
        where = Path(name)
        chain = (*ancestors.pop(where), Path(os.path.realpath(where)))
        subfolders = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        folders[:] = [name for name in subfolders if not _is_cyclic(where / name, chain)]
        ancestors |= {where / name: chain for name in folders}
        paths += [
            where / name
            for name in names
            if not name.startswith(".") and Path(name).suffix.lower() in EXTENSIONS
        ]
    return sorted(paths)


def _is_cyclic(folder: Path, chain: tuple[Path, ...]) -> bool:
    """Whether a folder is one of its own parents, or contains one of them."""
    real = os.path.realpath(folder)
    return any(step.is_relative_to(real) for step in chain)


def _raise_unreadable(error: OSError) -> None:
    """Raise DataError for an unreadable folder. A missing folder counts as empty."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        reason = error.strerror or error
        raise DataError(f"{error.filename}: cannot be read: {reason}; check its owner and mode")
