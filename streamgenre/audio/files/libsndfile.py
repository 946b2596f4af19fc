"""Read wav, flac, ogg, opus and mp3 with libsndfile, without seeking.

Where libsndfile gives up inside a damaged file, FFmpeg continues from there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from ...errors import InputError
from .containers import chained_ogg, continues_after_its_count, unfinished_ogg
from .source import BLOCK, cut_off, plausible

_WRONG_DATA_SIZE = re.compile(r"^data : .*should be", re.M)


class _ForwardOnly(soundfile.SoundFile):
    """A file without the seek that soundfile adds to each read: it fails or hangs on damage."""

    def seekable(self) -> bool:
        return False


class SoundFileSource:
    """A Source of a regular file."""

    def __init__(self, file: soundfile.SoundFile, path: Path) -> None:
        self._file, self._path = file, path
        self.name = str(path)
        self.sample_rate = int(file.samplerate)
        self.channels = int(file.channels)
        self._stated = int(file.frames)
        self.stated_duration = plausible(self._stated / self.sample_rate)
        self.warnings: list[str] = []

    @classmethod
    def open_or_none(cls, path: Path) -> SoundFileSource | None:
        """The source, or None if libsndfile cannot read the file to its end."""
        try:
            if chained_ogg(path):
                return None
            file = _ForwardOnly(path)
            if file.format == "RAW":  # guessed from the file name: any file would be samples
                file.close()
                return None
            return cls(file, path)
        except (soundfile.SoundFileError, OSError, RuntimeError, ValueError, TypeError):
            return None

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """float32 (n, channels); all blocks share one buffer."""
        buffer = np.empty((BLOCK, self.channels), np.float32)
        read = 0
        gave_up = False
        while True:
            try:
                block: NDArray[np.float32] = self._file.read(out=buffer)  # type: ignore[assignment]
            except soundfile.SoundFileError:
                gave_up = True
                break
            if not len(block):
                break
            read += len(block)
            yield block
        more = self._file.format in ("MP3", "MPEG") and continues_after_its_count(self._path)
        if gave_up or more or self._cut_off(read):
            for block in self._rest(read):
                read += len(block)
                yield block
        self._compare(read)

    def _rest(self, read: int) -> Iterator[NDArray[np.float32]]:
        """The audio that FFmpeg finds after the first `read` frames."""
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
                if position > read:
                    yield block[max(0, len(block) - (position - read)) :]
        finally:
            other.close()
        self.warnings += other.warnings

    def _cut_off(self, read: int) -> str | None:
        return cut_off(self._stated / self.sample_rate, read / self.sample_rate)

    def _compare(self, read: int) -> None:
        """Warn if the audio is shorter than stated or ends unexpectedly."""
        there = f"{read / self.sample_rate:.1f} s are there"
        if warning := self._cut_off(read):
            self.warnings.append(warning)
        elif _WRONG_DATA_SIZE.search(self._file.extra_info):
            self.warnings.append(f"the header states a different length; {there}")
        elif unfinished_ogg(self._path):
            self.warnings.append(f"truncated: the end mark is missing; {there}")

    def close(self) -> None:
        self._file.close()
