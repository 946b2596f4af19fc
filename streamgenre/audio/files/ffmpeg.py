"""Read other containers, pipes and internet radio with FFmpeg's libraries (PyAV)."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from av.filter import Graph
from numpy.typing import NDArray

from ...errors import InputError, reason
from .byteio import CHECK_DISK, COPY_AGAIN, ByteFile, ConnectionLostError
from .containers import SampleFile
from .content import beginning, explained
from .mp3 import stated_seconds
from .mp4 import with_index
from .ogg import OggFile
from .source import BLOCK, cut_off, plausible

# Accept tags in a wrong encoding. PyAV 19 does so by default and has no such option.
_HAS_OPTION = int(av.__version__.split(".")[0]) < 19
_LENIENT_TAGS: Any = {"metadata_errors": "replace"} if _HAS_OPTION else {}
_OPEN_SECONDS, _READ_SECONDS = 15.0, 30.0
_LEAST_LEAD = 0.2  # s; a shorter delay comes from the codec
_LIVE_BLOCK = 4_096
_MOST_BAD_PACKETS = 200  # in a row: a damaged radio packet is skipped, noise is refused
_PADDING = 0.2  # s that encoders add or decoders leave out
_STATES_ITS_SAMPLES = {"flac", "tta", "wv", "ape"}
_UNDECODABLE = (
    "is not audio that can be decoded; if another program plays it, convert it to FLAC, otherwise "
    + COPY_AGAIN
)
_TAGS = (b"ID3", b"TAG", b"APE")  # of mp3; further down than at its start, in joined files
# Formats that refer to other files or addresses, as playlists do, are not opened.
_REFER_ELSEWHERE = {"hls", "applehttp", "dash", "concat", "sdp", "rtsp", "imf", "image2"}


def decoder(
    file: ByteFile, name: str, base: str | Path | None, form: tuple[str, int] | None = None
) -> FFmpegSource:
    """A source for a file at its start. The source closes the file; so does this call on an error.

    `base`: the URL or folder that entries of a playlist refer to; None for a pipe. Raises
    PlaylistError for a playlist, and InputError for other data that is not audio.
    """
    head = beginning(file)
    try:
        file = with_index(file)
        whole: ByteFile = SampleFile.of(file) or file
        if whole is file and file.peek(4) == b"OggS":
            whole = OggFile(file)
        return FFmpegSource(whole, name, form)
    except BaseException as error:
        file.close()
        if isinstance(error, InputError) and not isinstance(error, ConnectionLostError):
            raise explained(error, head, name, base) from None
        raise


def metadata(file: BinaryIO) -> dict[str, str]:
    """The tags of a recording; those of the container take precedence. Raises as av.open does."""
    with _opened(file) as container:
        of_stream = container.streams.audio[0].metadata if container.streams.audio else {}
        return {**of_stream, **container.metadata}


def packets_hash(file: BinaryIO) -> str:
    """Hash of the encoded audio and video with their times, without tags; raises as av.open."""
    digest = hashlib.blake2b(digest_size=16)
    with _opened(file) as container:
        for packet in container.demux():
            place = f"{packet.stream_index} {packet.pts} {packet.dts} {packet.size};"
            digest.update(place.encode())
            digest.update(bytes(packet))
    return digest.hexdigest()


def _opened(file: BinaryIO) -> Any:
    av.logging.set_level(av.logging.PANIC)
    formats = av.formats_available - _REFER_ELSEWHERE
    options = {"protocol_whitelist": "file,pipe,fd", "format_whitelist": ",".join(formats)}
    return av.open(file, "r", options=options, **_LENIENT_TAGS)


class FFmpegSource:
    """A Source of a ByteFile, or of a URL that FFmpeg opens itself.

    `form`: channel layout and sample rate to convert to; None selects those of the first frame.
    """

    def __init__(
        self, where: str | ByteFile, name: str, form: tuple[str, int] | None = None
    ) -> None:
        av.logging.set_level(av.logging.PANIC)  # FFmpeg would print to standard error
        self.name = name
        self.warnings: list[str] = []
        self.form = form
        self._where = where
        self._live = isinstance(where, str) or where.live
        self._bad = 0  # packets
        self._stopped = ""  # why reading ended before the end of the data
        mp3 = None if isinstance(where, str) else stated_seconds(where)
        self._open()
        if form is not None:
            self.sample_rate, self.channels = form[1], AudioLayout(form[0]).nb_channels
        duration = self._container.duration
        self.stated_duration = duration / av.time_base if duration and duration > 0 else None
        if isinstance(where, SampleFile):
            self.stated_duration = where.duration
        elif isinstance(where, OggFile):
            self.stated_duration = plausible(where.granule() / self.sample_rate)
        self._seconds = 0.0  # read so far
        # Coded frames are short, and each block has a cost; live audio cannot wait for long ones.
        self._block = _LIVE_BLOCK if self._live else BLOCK
        self._stated, self._allowed = self._claim(mp3)

    def _claim(self, mp3: float | None) -> tuple[float | None, float | None]:
        """Seconds that the header states exactly, if any, and how many may be missing.

        None for the latter stands for 2 %, but at least a second.
        """
        formats = set(self._container.format.name.split(","))
        stream = self._stream
        if "mp3" in formats:
            return mp3, _PADDING
        if isinstance(self._where, (SampleFile, OggFile)):
            return None, None  # these classes check the length themselves
        if formats & _STATES_ITS_SAMPLES and stream.duration and stream.time_base:
            return float(stream.duration * stream.time_base), _PADDING
        # These containers state an exact length; others only estimate it. If the audio track of a
        # film states no length, it is unknown: the picture may be longer.
        if formats & {"matroska", "webm", "mov"}:
            if stream.duration and stream.time_base:
                return float(stream.duration * stream.time_base), None
            if not self._container.streams.video:
                return self.stated_duration, None
        return None, None

    def _open(self) -> None:
        """Open the container at the present position of the file."""
        where = self._where
        remote = isinstance(where, str)
        formats = av.formats_available if remote else av.formats_available - _REFER_ELSEWHERE
        protocols = "http,https,tcp,tls,crypto,httpproxy" if remote else "file,pipe,fd"
        options = {"protocol_whitelist": protocols, "format_whitelist": ",".join(formats)}
        try:
            self._container = av.open(
                where,
                "r",
                options=options,
                container_options=where.options if isinstance(where, SampleFile) else {},
                timeout=(_OPEN_SECONDS, _READ_SECONDS) if remote else None,
                **_LENIENT_TAGS,
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            self._pass_on(error)
            raise InputError(f"{self.name}: {_refusal(error, remote)}") from None
        stream = self._container.streams.best("audio")
        if stream is None:
            self._container.close()
            raise InputError(f"{self.name}: has no audio track; use a file with sound")
        context = stream.codec_context
        if not isinstance(stream, av.AudioStream) or context is None:
            self._container.close()
            raise InputError(f"{self.name}: cannot be decoded: {_NO_DECODER}; convert it to FLAC")
        self._stream = stream
        rate, channels = int(context.sample_rate or 0), int(context.channels or 0)
        if not rate or not channels:
            self._container.close()
            raise InputError(f"{self.name}: {_UNDECODABLE}")
        if self.form is None:
            self.sample_rate, self.channels = rate, channels

    def _pass_on(self, error: Exception | None = None) -> None:
        """Raise the error that ended the data of a file object, or KeyboardInterrupt on Ctrl-C."""
        if getattr(error, "errno", None) == errno.EINTR:
            raise KeyboardInterrupt from None
        if not isinstance(self._where, str):
            try:
                self._where.check()
            except (OSError, ValueError) as failure:
                raise InputError(
                    f"{self.name}: cannot be read: {reason(failure)}; {CHECK_DISK}"
                ) from None

    def _frames(self) -> Iterator[AudioFrame]:
        """Decoded frames; packets that cannot be decoded are skipped and counted."""
        in_row = 0
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                break
            except IndexError:  # PyAV does not know streams that begin after the header
                packets = self._container.demux(self._stream)
                continue
            except (av.FFmpegError, OSError) as error:
                self._pass_on(error)
                if isinstance(self._where, str):
                    raise ConnectionLostError(_reason(error)) from None
                self._stopped = _reason(error)
                break
            try:
                yield from packet.decode()
                in_row = 0
            except av.EOFError:
                break
            except av.FFmpegError:
                if bytes(packet)[:3] in _TAGS:  # between joined files
                    continue
                self._bad += 1
                in_row += 1
                if in_row >= _MOST_BAD_PACKETS:
                    break

    def _chained(self) -> Iterator[AudioFrame]:
        """The frames of all streams of a chained Ogg file, or of a single stream."""
        yield from self._frames()
        while isinstance(self._where, OggFile) and self._where.next():
            self._container.close()
            try:
                self._open()
            except InputError:
                self.warnings.append("a part that cannot be decoded was skipped")
                continue
            yield from self._frames()

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """float32 (n, channels), a new array for each block.

        If the format changes during the stream, as on the radio, it is converted to the first one.
        """
        now: tuple[str, str, int] | None = None
        converter: _Converter | None = None
        for frame in self._chained():
            if self.form is None:
                self.form = frame.layout.name, frame.sample_rate
                self.sample_rate, self.channels = frame.sample_rate, frame.layout.nb_channels
                yield from self._lead(frame)
            if now != (now := (frame.format.name, frame.layout.name, frame.sample_rate)):
                if converter is not None:
                    yield from self._samples(converter.convert(None))
                converter = _Converter(frame, *self.form, self._block)
            frame.pts = None  # invalid time stamps do not matter
            assert converter is not None
            yield from self._samples(converter.convert(frame))
        if converter is not None:
            yield from self._samples(converter.convert(None))
        if not isinstance(self._where, str):
            self._where.drain()
        self._pass_on()
        self._judge()

    def _judge(self) -> None:
        """Warn if something is damaged or missing."""
        if self._bad:
            packets = "packet" if self._bad == 1 else "packets"
            self.warnings.append(f"{self._bad} damaged {packets} skipped")
        if self._stopped and (self._stated is None or self._seconds < self._stated):
            self.warnings.append(f"reading stopped: {self._stopped}")
        warning = None
        if isinstance(self._where, SampleFile):
            warning = cut_off(self._where.claim * self._seconds, self._seconds, _PADDING)
        elif isinstance(self._where, OggFile):
            if self._where.unfinished:
                warning = f"truncated: the end mark is missing; {self._seconds:.1f} s were read"
        elif self._stated is not None:
            allowed = max(1.0, self._seconds / 50) if self._allowed is None else self._allowed
            warning = cut_off(self._stated, self._seconds, allowed)
        if warning:
            self.warnings.append(warning)

    def _lead(self, first: AudioFrame) -> Iterator[NDArray[np.float32]]:
        """Silence for the time by which the audio track of a film starts late."""
        if self._live or isinstance(self._where, (SampleFile, OggFile)) or first.time is None:
            return
        late = first.time - (self._container.start_time or 0) / av.time_base
        if not _LEAST_LEAD < late < (self.stated_duration or 0):
            return
        left = round(late * self.sample_rate)
        while left > 0:
            yield np.zeros((min(left, BLOCK), self.channels), np.float32)
            left -= BLOCK
        self._seconds += late

    def _samples(self, frames: Iterable[AudioFrame]) -> Iterator[NDArray[np.float32]]:
        for frame in frames:
            samples: NDArray[np.float32] = frame.to_ndarray().astype(np.float32, copy=False)
            samples = samples.reshape(-1, self.channels)
            self._seconds += len(samples) / self.sample_rate
            yield samples

    def close(self) -> None:
        self._container.close()
        if not isinstance(self._where, str):
            self._where.close()


class _Converter:
    """Converts frames like `first` to float32 of a layout and rate, `block` samples at a time.

    As av.AudioResampler does, but that has a thread for each core, and each station its own.
    """

    def __init__(self, first: AudioFrame, layout: str, rate: int, block: int) -> None:
        self._graph = Graph()
        with suppress(AttributeError):  # before PyAV 15
            self._graph.threads = 1
        source = self._graph.add(
            "abuffer",
            sample_rate=str(first.sample_rate),
            sample_fmt=first.format.name,
            channel_layout=first.layout.name,
        )
        form = self._graph.add(
            "aformat", sample_rates=str(rate), sample_fmts="flt", channel_layouts=layout
        )
        sink = self._graph.add("abuffersink")
        source.link_to(form)
        form.link_to(sink)
        self._graph.configure()
        self._graph.set_audio_frame_size(block)

    def convert(self, frame: AudioFrame | None) -> Iterator[AudioFrame]:
        """The frames that are complete; None: that was the last one."""
        self._graph.push(frame)
        with suppress(av.BlockingIOError, av.EOFError, EOFError):
            while True:
                converted = self._graph.pull()
                assert isinstance(converted, AudioFrame)
                yield converted


def _reason(error: Exception) -> str:
    """The cause of an FFmpeg error as text for users."""
    for kind, words in _WORDS.items():
        if isinstance(error, kind):
            return words
    return _BY_NUMBER.get(getattr(error, "errno", None) or 0) or reason(error)


_NO_DECODER = "its codec is not supported"
_WORDS: dict[type[Exception], str] = {
    av.ExitError: "no data in time",
    av.InvalidDataError: "the data is damaged",
    av.EOFError: "the data ends early",
    EOFError: "the data ends early",
    av.PatchWelcomeError: "it uses a rare feature of its format that is not supported",
    av.DecoderNotFoundError: _NO_DECODER,
    av.DemuxerNotFoundError: "its format is not supported",
    av.ProtocolNotFoundError: "it refers to an address of an unsupported kind",
}
_BY_NUMBER = {  # errors whose classes have other names in older versions of PyAV
    errno.EIO: "the connection or the disk failed",
    errno.EINVAL: "it refers to other files, or its header is damaged",
}


def _refusal(error: Exception, remote: bool) -> str:
    if isinstance(error, av.InvalidDataError):
        return _UNDECODABLE
    if remote:
        return f"cannot be fetched: {_reason(error)}; check the address and the network"
    if isinstance(error, (av.EOFError, EOFError)):
        return f"contains no audio; {COPY_AGAIN}"
    return f"cannot be decoded: {_reason(error)}; check that the file is complete"
