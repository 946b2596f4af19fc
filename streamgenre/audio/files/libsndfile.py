"""Reading wav, flac, ogg, opus and mp3 through libsndfile, forward only.

Where libsndfile gives up in the middle of a damaged file, FFmpeg goes on from there.
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
from .source import BLOCK, believable, cut_off

_DATA_SIZE_LIES = re.compile(r"^data : .*should be", re.M)


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
        self.stated_duration = believable(self._stated / self.sample_rate)
        self.warnings: list[str] = []

    @classmethod
    def open_or_none(cls, path: Path) -> SoundFileSource | None:
        """The source, or None where libsndfile does not take the file to its end."""
        try:
            if chained_ogg(path):
                return None
            file = _ForwardOnly(path)
            if file.format == "RAW":  # it guesses by the name's end and takes anything for samples
                file.close()
                return None
            return cls(file, path)
        except (soundfile.SoundFileError, OSError, RuntimeError, ValueError, TypeError):
            return None

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """float32 (n, channels); one buffer, filled anew for each block."""
        buffer = np.empty((BLOCK, self.channels), np.float32)
        heard = 0
        gave_up = False
        while True:
            try:
                block: NDArray[np.float32] = self._file.read(out=buffer)  # type: ignore[assignment]
            except soundfile.SoundFileError:
                gave_up = True
                break
            if not len(block):
                break
            heard += len(block)
            yield block
        more = self._file.format in ("MP3", "MPEG") and continues_after_its_count(self._path)
        if gave_up or more or self._cut_off(heard):
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

    def _cut_off(self, heard: int) -> str | None:
        return cut_off(self._stated / self.sample_rate, heard / self.sample_rate)

    def _compare(self, heard: int) -> None:
        """Warn where there is less, or other, than the header says."""
        there = f"{heard / self.sample_rate:.1f} s are there"
        if warning := self._cut_off(heard):
            self.warnings.append(warning)
        elif _DATA_SIZE_LIES.search(self._file.extra_info):
            self.warnings.append(f"the header states another length; {there}")
        elif unfinished_ogg(self._path):
            self.warnings.append(f"cut off: no end mark; {there}")

    def close(self) -> None:
        self._file.close()
