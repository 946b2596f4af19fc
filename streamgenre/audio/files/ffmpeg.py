"""Read other containers, pipes and internet radio with FFmpeg's libraries (PyAV)."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from ...errors import InputError
from .containers import wav_of_unknown_length
from .source import BLOCK, cut_off, is_url

# Accept tags in a wrong encoding. PyAV 19 does so by default and has no such option.
_HAS_OPTION = int(av.__version__.split(".")[0]) < 19
_LENIENT_TAGS: Any = {"metadata_errors": "replace"} if _HAS_OPTION else {}
_OPEN_SECONDS, _READ_SECONDS = 15.0, 30.0
_LEAST_LEAD = 0.2  # s; a shorter delay comes from the codec
_LIVE_BLOCK = 4_096
_MOST_BAD_PACKETS = 200  # in a row: a damaged radio packet is skipped, noise is refused
# Formats that refer to other files or addresses, as playlists do, are not opened.
_REFER_ELSEWHERE = {"hls", "applehttp", "dash", "concat", "sdp", "rtsp", "imf", "image2"}


class FFmpegSource:
    """A Source of a path, a URL or a file object, even one that cannot seek."""

    def __init__(self, where: str | BinaryIO, name: str) -> None:
        av.logging.set_level(av.logging.PANIC)  # FFmpeg would print to standard error
        self.name = name
        remote = isinstance(where, str) and is_url(where)
        # A piped wav file states a length of 0 or 4 GiB, because its writer could not know it.
        piped = None if isinstance(where, str) else _Peekable(where)
        endless = piped is not None and wav_of_unknown_length(piped.head)
        formats = av.formats_available if remote else av.formats_available - _REFER_ELSEWHERE
        protocols = "http,https,tcp,tls,crypto,httpproxy" if remote else "file,pipe,fd"
        options = {"protocol_whitelist": protocols, "format_whitelist": ",".join(formats)}
        try:
            self._container = av.open(
                piped or _lower_scheme(where),
                "r",
                options=options,
                container_options={"ignore_length": "1"} if endless else {},
                timeout=(_OPEN_SECONDS, _READ_SECONDS) if remote else None,
                **_LENIENT_TAGS,
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            _pass_on_interrupt(error)
            shown = re.sub("//[^/@]*@", "//...@", name)  # hide the password
            raise InputError(f"{shown}: {_refusal(error, remote)}") from None
        stream = self._container.streams.best("audio")
        if stream is None:
            self._container.close()
            raise InputError(f"{name}: has no audio track")
        assert isinstance(stream, av.AudioStream)
        self._stream = stream
        context = self._stream.codec_context
        self.sample_rate = int(context.sample_rate or 0)
        self.channels = int(context.channels or 0)
        if not self.sample_rate or not self.channels:
            self._container.close()
            raise InputError(f"{name}: is not audio that can be decoded")
        duration = self._container.duration
        self.stated_duration = duration / av.time_base if duration and duration > 0 else None
        self.warnings: list[str] = []
        self._seconds = 0.0  # read so far
        self._piped, self._remote = piped is not None, remote
        # Coded frames are short, and each block has a cost; live audio cannot wait for long ones.
        self._block = _LIVE_BLOCK if self._piped or remote else BLOCK
        # These containers state an exact length; others only estimate it. If the audio track of a
        # film states no length, it is unknown: the picture may be longer.
        exact = {"matroska", "webm", "mov"} & set(self._container.format.name.split(","))
        self._stated: float | None = None
        if exact and stream.duration and stream.time_base:
            self._stated = float(stream.duration * stream.time_base)
        elif exact and not self._container.streams.video:
            self._stated = self.stated_duration

    def _frames(self) -> Iterator[AudioFrame]:
        """Decoded frames; packets that cannot be decoded are skipped and counted."""
        bad = in_row = 0
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                break
            except (av.FFmpegError, OSError) as error:
                _pass_on_interrupt(error)
                self.warnings.append(f"reading stopped: {_reason(error)}")
                break
            try:
                yield from packet.decode()
                in_row = 0
            except av.EOFError:
                break
            except av.FFmpegError:
                bad += 1
                in_row += 1
                if in_row >= _MOST_BAD_PACKETS:
                    break
        if bad:
            self.warnings.append(f"{bad} damaged packets skipped")

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """float32 (n, channels), a new array for each block.

        If the format changes during the stream, as on the radio, it is converted to the first one.
        """
        target: tuple[str, int] | None = None
        form: tuple[str, str, int] | None = None
        resampler: AudioResampler | None = None
        for frame in self._frames():
            if target is None:
                target = frame.layout.name, frame.sample_rate
                self.sample_rate, self.channels = frame.sample_rate, frame.layout.nb_channels
                yield from self._lead(frame)
            now = frame.format.name, frame.layout.name, frame.sample_rate
            if now != form:
                if resampler is not None:
                    yield from self._samples(resampler.resample(None))
                form, resampler = now, AudioResampler("flt", *target, frame_size=self._block)
            frame.pts = None  # invalid time stamps do not matter
            assert resampler is not None
            yield from self._samples(resampler.resample(frame))
        if resampler is not None:
            yield from self._samples(resampler.resample(None))
        if self._stated is not None and (warning := cut_off(self._stated, self._seconds)):
            self.warnings.append(warning)

    def _lead(self, first: AudioFrame) -> Iterator[NDArray[np.float32]]:
        """Silence for the time by which the audio track of a film starts late."""
        if self._piped or self._remote or first.time is None:
            return
        late = first.time - (self._container.start_time or 0) / av.time_base
        if not _LEAST_LEAD < late < (self.stated_duration or 0):
            return
        left = round(late * self.sample_rate)
        while left > 0:
            yield np.zeros((min(left, BLOCK), self.channels), np.float32)
            left -= BLOCK
        self._seconds += late

    def _samples(self, frames: list[AudioFrame]) -> Iterator[NDArray[np.float32]]:
        for frame in frames:
            samples: NDArray[np.float32] = frame.to_ndarray().astype(np.float32, copy=False)
            samples = samples.reshape(-1, self.channels)
            self._seconds += len(samples) / self.sample_rate
            yield samples

    def close(self) -> None:
        self._container.close()


def _pass_on_interrupt(error: Exception) -> None:
    """Raise KeyboardInterrupt if FFmpeg reports that Ctrl-C interrupted it."""
    if getattr(error, "errno", None) == errno.EINTR:
        raise KeyboardInterrupt from None


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _refusal(error: Exception, remote: bool) -> str:
    reason = "no answer in time" if isinstance(error, av.ExitError) else _reason(error)
    if remote:
        return f"cannot be fetched: {reason}; check the address and the network"
    if isinstance(error, av.InvalidDataError):
        return "is not audio that can be decoded"
    if isinstance(error, (av.EOFError, EOFError)):
        return "holds no audio"
    return f"cannot be decoded: {reason}" + ("" if os.name == "nt" else "; is it complete?")


def _lower_scheme(where: str | BinaryIO) -> str | BinaryIO:
    """The URL with its scheme in lower case, as FFmpeg requires."""
    if isinstance(where, str) and is_url(where):
        scheme, rest = where.split(":", 1)
        return f"{scheme.lower()}:{rest}"
    return where


_HEAD = 4_096


class _Peekable:
    """A file object whose first bytes, `head`, are known; reading starts before them."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.head = self._fill()
        self._rest = self.head
        if _seekable(file):
            file.seek(-len(self.head), 1)
            self._rest = b""
            self.seek, self.tell = file.seek, file.tell

    def _fill(self) -> bytes:
        head = b""
        while len(head) < _HEAD and (more := self._file.read(_HEAD - len(head))):
            head += more
        return head

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, none at the end."""
        if self._rest:
            given, self._rest = self._rest[:size], self._rest[size:]
            return given
        return self._file.read(size)


def _seekable(file: BinaryIO) -> bool:
    try:
        return bool(file.seekable())
    except AttributeError:
        return False
