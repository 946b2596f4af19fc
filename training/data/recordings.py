"""Recordings in a folder without labels, such as speech: audio files, and *.s16 (16 kHz mono)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamgenre.audio.files import decode_mono
from streamgenre.errors import StreamgenreError, reason

from .audio_files import EXTENSIONS
from .decoding import to_int16
from .record import SAMPLE_RATE, DataError


def entries(folder: Path) -> list[Path]:
    """Files and folders in a folder, sorted, without hidden ones. Raises DataError."""
    try:
        return sorted(path for path in folder.iterdir() if path.name[0] != ".")
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{folder}: cannot be read: {reason}; give a folder of speech") from None


def is_recording(path: Path) -> bool:
    """Whether a path is a recording; other files, such as README.txt, are ignored."""
    return path.is_file() and path.name[0] != "." and path.suffix.lower() in EXTENSIONS | {".s16"}


def read_recording(path: Path, seconds: float | None = None) -> NDArray[np.int16]:
    """Samples (n,) at 16 kHz, at most the first `seconds`. Raises DataError."""
    count = None if seconds is None else round(seconds * SAMPLE_RATE)
    try:
        if path.suffix.lower() == ".s16":
            return np.fromfile(path, "<i2", -1 if count is None else count)
        return to_int16(decode_mono(path, SAMPLE_RATE)[:count])
    except StreamgenreError as error:  # which names the file
        raise DataError(f"{error}; remove it from the folder") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {reason(error)}") from None
