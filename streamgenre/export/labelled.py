"""Clips with a known genre, to see what a variant's rounding does to music."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError

_AUDIO = {".ogg", ".opus", ".mp3", ".flac", ".wav", ".m4a", ".aiff", ".aif", ".aac"}


class Clip(NamedTuple):
    """A recording whose genre is known."""

    genre: str
    path: Path


def clips(folder: Path, labels: Sequence[str]) -> list[Clip]:
    """Clips of a folder: `jazz/anything.ogg`, or `jazz-anything.ogg`, for the label "jazz".

    Files of other names are left out; raises InputError where none is left.
    """
    found = []
    for path in sorted(folder.rglob("*")):
        names = (path.parent.name, path.stem.split("-")[0])
        genre = next((name for name in names if name in labels), None)
        if genre is not None and path.suffix.lower() in _AUDIO:
            found.append(Clip(genre, path))
    if not found:
        raise InputError(
            f"{folder}: holds no audio named after a genre of the model, such as "
            f"{labels[0]}/song.mp3 or {labels[0]}-song.mp3; its genres: {', '.join(labels)}"
        )
    return found


def example_clips(labels: Sequence[str]) -> list[Clip]:
    """Those of a checkout; none where there is no checkout, or none of these genres."""
    folder = Path(__file__).parents[2] / "examples"
    if not (folder / "ATTRIBUTION.csv").is_file():
        return []
    try:
        return clips(folder, labels)
    except InputError:
        return []
