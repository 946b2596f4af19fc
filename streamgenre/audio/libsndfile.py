"""Reading wav, flac, ogg, opus and mp3 through libsndfile, forward only.

Where libsndfile gives up in the middle of a damaged file, FFmpeg goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from ..errors import InputError
from .source import BLOCK

_LONGEST_PAGE = 65_307  # bytes of an Ogg page, header included (RFC 3533)


class _ForwardOnly(soundfile.SoundFile):
    """Without the seek that soundfile adds to every read: on damaged files it fails or hangs."""

    def seekable(self) -> bool:
        return False


class SoundFileSource:
    """A Source over a regular file."""

    def __init__(self, file: soundfile.SoundFile, path: Path) -> None:
        self._file, self._path = file, path
        self.name = str(path)
        self.sample_rate = int(file.samplerate)
        self.channels = int(file.channels)
        self._stated = int(file.frames)
        # Eleven days: beyond that it is no length but a marker or damage.
        believable = 0 < self._stated < 1_000_000 * self.sample_rate
        self.stated_duration = self._stated / self.sample_rate if believable else None
        self.warnings: list[str] = []

    @classmethod
    def open_or_none(cls, path: Path) -> SoundFileSource | None:
        """The source, or None where libsndfile does not take the file to its end."""
        try:
            return None if _chained_ogg(path) else cls(_ForwardOnly(path), path)
        except (soundfile.SoundFileError, OSError, RuntimeError, ValueError, TypeError):
            return None

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """float32 (n, channels); one buffer, filled anew for each block."""
        buffer = np.empty((BLOCK, self.channels), np.float32)
        heard = 0
        gave_up = False
        while not gave_up:
            try:
                block: NDArray[np.float32] = self._file.read(out=buffer)  # type: ignore[assignment]
            except soundfile.SoundFileError:
                gave_up = True
                break
            if not len(block):
                break
            heard += len(block)
            yield block
        if gave_up or self._stated - heard > max(self.sample_rate, 0.02 * heard):
            for block in self._rest(heard):
                heard += len(block)
                yield block
        self._compare(heard)

    def _rest(self, heard: int) -> Iterator[NDArray[np.float32]]:
        """What FFmpeg finds after the first `heard` frames."""
        from .ffmpeg import FFmpegSource

        try:
            other = FFmpegSource(str(self._path.absolute()), self.name)
        except InputError:
            return
        try:
            if (other.sample_rate, other.channels) != (self.sample_rate, self.channels):
                return
            position = 0
            for block in other.blocks():
                position += len(block)
                if position > heard:
                    yield block[max(0, len(block) - (position - heard)) :]
        finally:
            other.close()
        self.warnings += other.warnings

    def _compare(self, heard: int) -> None:
        """Warn where there is less, or other, than the header says."""
        there = f"{heard / self.sample_rate:.1f} s are there"
        if self._stated - heard > max(self.sample_rate, 0.02 * heard):
            stated = self.stated_duration
            claim = "an impossible length" if stated is None else f"{stated:.1f} s"
            self.warnings.append(f"cut off or damaged: the header states {claim}, {there}")
        elif "should be" in self._file.extra_info:
            self.warnings.append(f"the header states another length; {there}")

    def close(self) -> None:
        self._file.close()


def _chained_ogg(path: Path) -> bool:
    """Whether an Ogg file ends in another stream than it began with: libsndfile stops there."""
    with path.open("rb") as file:
        first = file.read(18)
        if first[:4] != b"OggS":
            return False
        file.seek(-min(_LONGEST_PAGE, path.stat().st_size), 2)
        end = file.read()
    last = end[end.rfind(b"OggS") :]
    return first[14:18] != last[14:18]
