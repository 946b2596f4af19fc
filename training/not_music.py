"""What is no music: recorded speech of the user's, and noise; for `music` and its threshold."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from streamgenre.audio.sources import decode_mono
from streamgenre.errors import StreamgenreError

from .data import SAMPLE_RATE, DataError
from .data.audio_files import EXTENSIONS
from .data.decoding import to_int16
from .sequences import NO_GENRE, Piece, noise

_STRETCH = 30 * SAMPLE_RATE
_NOISES, _SECONDS = 60, 5
_KNOWN = EXTENSIONS | {".s16"}  # a README.txt beside them is no recording


def recordings(folder: Path | None) -> list[Piece]:
    """Every audio file of a folder (*.s16: raw, 16 kHz mono), cut to stretches of 30 s."""
    if folder is None:
        return []
    found = []
    try:
        paths = sorted(p for p in folder.iterdir() if p.is_file() and p.name[0] != ".")
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{folder}: cannot be read: {reason}; give a folder of speech") from None
    for path in paths:
        if path.suffix.lower() not in _KNOWN:
            continue
        samples = _read(path)
        found += [
            Piece(samples[i : i + _STRETCH], NO_GENRE, False)
            for i in range(0, len(samples), _STRETCH)
        ]
    if not found:
        raise DataError(f"{folder}: no recordings in it; put files such as speech.wav there")
    return found


def _read(path: Path) -> np.ndarray:
    try:
        if path.suffix.lower() == ".s16":
            return np.fromfile(path, np.int16)
        samples = decode_mono(path, SAMPLE_RATE)
    except (StreamgenreError, OSError) as error:
        raise DataError(f"{path}: not a recording that can be read: {error}") from None
    return to_int16(samples)


def held_out(folder: Path | None) -> dict[str, np.ndarray]:
    """Noise, and up to as many stretches of speech that was not trained on, to fit `music` on."""
    rng = np.random.default_rng(0)
    found = {f"noise {i}": noise(rng, _SECONDS * SAMPLE_RATE) for i in range(_NOISES)}
    speech = recordings(folder)[:_NOISES]
    return found | {f"speech {i}": piece.samples for i, piece in enumerate(speech)}
