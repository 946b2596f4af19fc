"""Clips with a known genre, to see what a variant's rounding does to music."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..audio.sources import decode_mono
from ..errors import InputError

_AUDIO = {".ogg", ".opus", ".mp3", ".flac", ".wav", ".m4a", ".aiff", ".aif", ".aac"}


class Clip(NamedTuple):
    """A recording at a model's rate."""

    genre: str
    samples: NDArray[np.float32]


def clips(folder: Path, labels: Sequence[str], rate: int) -> Iterator[Clip]:
    """Clips of a folder: `jazz/anything.ogg`, or `jazz-anything.ogg`, for the label "jazz".

    Files of other names are left out. Raises InputError where none is left or one is no audio.
    """
    found = False
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in _AUDIO:
            continue
        names = (path.parent.name, path.stem.split("-")[0])
        genre = next((name for name in names if name in labels), None)
        if genre is not None:
            found = True
            yield Clip(genre, decode_mono(path, rate))
    if not found:
        raise InputError(
            f"{folder}: holds no audio named after a genre of the model, such as "
            f"{labels[0]}/song.mp3 or {labels[0]}-song.mp3; its genres: {', '.join(labels)}"
        )


def examples(labels: Sequence[str]) -> Path | None:
    """The example clips of a checkout; None where there are none of these genres."""
    folder = Path(__file__).parents[2] / "examples"
    known = any(path.stem.split("-")[0] in labels for path in folder.glob("*.ogg"))
    return folder if known else None
