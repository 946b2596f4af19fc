"""Reading wav, flac, ogg, opus and mp3 through libsndfile, forward only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from .source import BLOCK


class _ForwardOnly(soundfile.SoundFile):
    """Without the seek that soundfile adds to every read: on damaged files it fails or hangs."""

    def seekable(self) -> bool:
        return False


class SoundFileSource:
    """A Source over a regular file."""

    def __init__(self, file: soundfile.SoundFile, name: str) -> None:
        self._file = file
        self.name = name
        self.sample_rate = int(file.samplerate)
        self.channels = int(file.channels)
        self._stated = int(file.frames)
        # Eleven days: beyond that it is no length but a marker or damage.
        believable = 0 < self._stated < 1_000_000 * self.sample_rate
        self.stated_duration = self._stated / self.sample_rate if believable else None
        self.warnings: list[str] = []

    @classmethod
    def open_or_none(cls, path: Path) -> SoundFileSource | None:
        """The source, or None where libsndfile does not take the file."""
        try:
            return cls(_ForwardOnly(path), str(path))
        except (soundfile.SoundFileError, RuntimeError, ValueError, TypeError):
            return None

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """float32 (n, channels); one buffer, filled anew for each block."""
        buffer = np.empty((BLOCK, self.channels), np.float32)
        heard = 0
        while True:
            try:
                block = self._file.read(out=buffer)
            except soundfile.SoundFileError as error:
                self.warnings.append(f"decoding stopped at {heard / self.sample_rate:.1f} s: {error}")
                return
            if not len(block):
                break
            heard += len(block)
            yield block
        missing = self._stated - heard
        if missing > max(self.sample_rate, 0.02 * heard):
            claim = (
                f"{self.stated_duration:.1f} s"
                if self.stated_duration is not None
                else "an impossible length"
            )
            self.warnings.append(
                f"header states {claim}, {heard / self.sample_rate:.1f} s are there"
            )

    def close(self) -> None:
        self._file.close()
