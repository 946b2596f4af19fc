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

from ..errors import InputError
from .source import BLOCK

_LONGEST_PAGE = 65_307  # bytes of an Ogg page, header included (RFC 3533)
_STREAM_BEGINS = re.compile(rb"OggS\x00[\x02\x03\x06\x07]")
_DATA_SIZE_LIES = re.compile(r"^data : .*should be", re.M)
_MP3_TRAILER = 65_536  # bytes of tags that may follow an mp3's frames


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
            if _chained_ogg(path):
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
        more = self._file.format in ("MP3", "MPEG") and _continues_after_its_count(self._path)
        if gave_up or more or self._stated - heard > max(self.sample_rate, 0.02 * heard):
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
        elif _DATA_SIZE_LIES.search(self._file.extra_info):
            self.warnings.append(f"the header states another length; {there}")
        elif _unfinished_ogg(self._path):
            self.warnings.append(f"cut off: no end mark; {there}")

    def close(self) -> None:
        self._file.close()


def _chained_ogg(path: Path) -> bool:
    """Whether another stream begins inside an Ogg file: libsndfile stops where the first ends."""
    with path.open("rb") as file:
        if file.read(4) != b"OggS":
            return False
        tail = b""
        while block := file.read(1 << 20):
            if _STREAM_BEGINS.search(tail + block):
                return True
            tail = block[-6:]
    return False


def _unfinished_ogg(path: Path) -> bool:
    """Whether an Ogg file's last page is not marked as the last."""
    with path.open("rb") as file:
        if file.read(4) != b"OggS":
            return False
        file.seek(-min(_LONGEST_PAGE, path.stat().st_size), 2)
        end = file.read()
    page = end.rfind(b"OggS")
    return page < 0 or len(end) < page + 6 or not end[page + 5] & 4


def _continues_after_its_count(path: Path) -> bool:
    """Whether an mp3 holds more bytes than its Xing or LAME header counts: files joined."""
    with path.open("rb") as file:
        start = file.read(10)
        tag = 0
        if start[:3] == b"ID3":
            tag = 10 + sum(
                (byte & 0x7F) << shift
                for byte, shift in zip(start[6:], (21, 14, 7, 0), strict=True)
            )
        file.seek(tag)
        head = file.read(2_048)
    at = max(head.find(b"Xing"), head.find(b"Info"))
    if at < 0 or len(head) < at + 16:
        return False
    flags = int.from_bytes(head[at + 4 : at + 8], "big")
    if not flags & 2:
        return False
    offset = at + 8 + 4 * (flags & 1)
    counted = int.from_bytes(head[offset : offset + 4], "big")
    return path.stat().st_size - tag > counted + _MP3_TRAILER
