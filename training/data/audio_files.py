"""Which files of a folder are audio, for layouts that have no table of them.

The extensions are those of containers that libsndfile or FFmpeg read for `streamgenre`.
"""

from __future__ import annotations

import os
from pathlib import Path

# fmt: off
EXTENSIONS = frozenset((
    ".aac", ".ac3", ".aif", ".aiff", ".alac", ".ape", ".au", ".caf", ".flac", ".m4a", ".mka",
    ".mp2", ".mp3", ".mp4", ".mpc", ".oga", ".ogg", ".opus", ".snd", ".wav", ".webm", ".wma", ".wv",
))
# fmt: on


def audio_files(folder: Path) -> list[Path]:
    """Audio files below a folder, sorted; hidden files and folders are left out."""
    found: list[Path] = []
    seen: set[str] = set()
    for where, folders, names in os.walk(folder, followlinks=True):
        # Genre folders are often links to another disk; a link to a parent must not go round.
        real = os.path.realpath(where)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        found += [
            Path(where, name)
            for name in names
            if not name.startswith(".") and Path(name).suffix.lower() in EXTENSIONS
        ]
    return sorted(found)
