"""Read formats that FFmpeg does not know (such as PVF and MAT5) with libsndfile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from .source import BLOCK, plausible


class _ForwardOnly(soundfile.SoundFile):
    """A file without the seek that soundfile adds to each read: it fails or hangs on damage."""

    def seekable(self) -> bool:
        return False


class SoundFileSource:
    """A Source of a regular file. libsndfile stops at the length in the header."""

    def __init__(self, file: soundfile.SoundFile, path: Path) -> None:
        self._file = file
        self.name = str(path)
        self.sample_rate = int(file.samplerate)
        self.channels = int(file.channels)
        self.stated_duration = plausible(int(file.frames) / self.sample_rate)
        self.warnings: list[str] = []

    @classmethod
    def open_or_none(cls, path: Path) -> SoundFileSource | None:
        """The source, or None if libsndfile cannot read the file."""
        try:
            file = _ForwardOnly(path)
            if file.format == "RAW":  # guessed from the name; any content would be accepted
                file.close()
                return None
            return cls(file, path)
        except (soundfile.SoundFileError, OSError, RuntimeError, ValueError, TypeError):
            return None

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """float32 (n, channels); all blocks share one buffer."""
        buffer = np.empty((BLOCK, self.channels), np.float32)
        while True:
            try:
                block: NDArray[np.float32] = self._file.read(out=buffer)  # type: ignore[assignment]
            except soundfile.SoundFileError as error:
                self.warnings.append(f"reading stopped: {error}")
                return
            if not len(block):
                return
            yield block

    def close(self) -> None:
        self._file.close()
