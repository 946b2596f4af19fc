"""Recordings whose headers state too little, too much or nothing, with the truth about each.

The truth is the number of samples that were written. Run it to print the table, with what
FFmpeg alone decodes:

    PYTHONPATH=.:tests python tests/support/lengths.py
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import av
import numpy as np
import soundfile

RATE, SECONDS = 44_100, 3.0
Damage = Callable[[bytes], bytes]


class _Pipe:
    """A file for writing that is not seekable."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes) -> int:
        self.data += data
        return len(data)


@dataclass(frozen=True)
class Case:
    """A file and its actual properties."""

    container: str
    codec: str
    damage: str
    make: Callable[[], bytes]
    seconds: float = SECONDS  # actual duration
    missing: bool = False  # whether the end of the file is missing
    tolerance: float = 0.0  # s; a codec may change the duration

    @property
    def name(self) -> str:
        return f"{self.container}-{self.codec}-{self.damage}".replace(" ", "-")


@cache
def sound() -> np.ndarray:
    """float32 (n, 2): noise under a swell, with half a second of near silence in front."""
    rng = np.random.default_rng(0)
    count = round(RATE * SECONDS)
    swell = np.linspace(0.02, 0.3, count)[:, None]
    samples = rng.uniform(-1, 1, (count, 2)) * swell
    samples[: RATE // 2] *= 1e-3
    return samples.astype(np.float32)


@cache
def encoded(container: str, codec: str, piped: bool = False, **options: str) -> bytes:
    """The sound in a container, written to a file or a pipe."""
    target = _Pipe() if piped else io.BytesIO()
    if codec == "vorbis":  # FFmpeg's own encoder is experimental
        buffer = io.BytesIO()
        soundfile.write(buffer, sound(), RATE, format="OGG", subtype="VORBIS")
        return buffer.getvalue()
    rate = 48_000 if codec == "libopus" else RATE
    with av.open(target, "w", format=container, container_options=dict(options)) as out:
        stream = out.add_stream(codec, rate=rate, layout="stereo")
        stream.codec_context.bit_rate = 128_000
        resampler = av.AudioResampler(
            stream.format.name, "stereo", rate, frame_size=stream.frame_size or 1024
        )
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(sound().T), format="fltp", layout="stereo"
        )
        frame.sample_rate = RATE
        written = 0
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            piece.pts = written
            written += piece.samples
            out.mux(stream.encode(piece))
        out.mux(stream.encode(None))
    return bytes(target.data) if isinstance(target, _Pipe) else target.getvalue()


def put(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def _sized(mark: bytes, offset: int, form: str, value: Callable[[int], int]) -> Damage:
    """Replace the size that stands `offset` bytes after a mark by a function of it."""

    def damage(data: bytes) -> bytes:
        at = data.index(mark) + offset
        (size,) = struct.unpack_from(form, data, at)
        return put(data, at, struct.pack(form, value(size)))

    return damage


def _flac_total(value: Callable[[int], int]) -> Damage:
    def damage(data: bytes) -> bytes:
        bits = int.from_bytes(data[18:26], "big")
        total = value(bits & 0xFFFFFFFFF)
        return put(data, 18, (bits >> 36 << 36 | total).to_bytes(8, "big"))

    return damage


def _xing(value: Callable[[int], int]) -> Damage:
    def damage(data: bytes) -> bytes:
        at = max(data.find(b"Xing"), data.find(b"Info")) + 8
        (frames,) = struct.unpack_from(">I", data, at)
        return put(data, at, struct.pack(">I", value(frames)))

    return damage


def _trailer(data: bytes) -> bytes:
    body = b"INFOINAM\x06\x00\x00\x00title\x00" + bytes(2_000)
    return data + b"LIST" + struct.pack("<I", len(body)) + body


def _sizes(container: str) -> dict[str, Damage]:
    """Damage to the stated size of a container of plain samples."""
    mark, offset, form, unknown = {
        "wav": (b"data", 4, "<I", 0xFFFFFFFF),
        "rf64": (b"ds64", 16, "<Q", (1 << 64) - 1),
        "w64": (b"data\xf3\xac", 16, "<Q", (1 << 62)),
        "aiff": (b"SSND", 4, ">I", 0xFFFFFFFF),
        "au": (b".snd", 8, ">I", 0xFFFFFFFF),
        "caf": (b"data", 4, ">Q", (1 << 64) - 1),
    }[container]
    extra = {"w64": 24, "aiff": 8, "caf": 4}.get(container, 0)
    return {
        "states nothing": _sized(mark, offset, form, lambda size: extra),
        "states half": _sized(mark, offset, form, lambda size: (size - extra) // 8 * 4 + extra),
        "states twice": _sized(mark, offset, form, lambda size: 2 * size),
        "unknown length": _sized(mark, offset, form, lambda size: unknown),
    }


_PLAIN = {
    "wav": ("pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_f32le", "pcm_alaw", "adpcm_ms"),
    "rf64": ("pcm_s16le", "pcm_s24le"),
    "w64": ("pcm_s16le",),
    "aiff": ("pcm_s16be", "pcm_s24be"),
    "au": ("pcm_s16be", "pcm_mulaw"),
    "caf": ("pcm_s16le", "pcm_f32be"),
}
_CODED = {
    ("flac", "flac"): 0.0,
    ("mp3", "libmp3lame"): 0.08,
    ("adts", "aac"): 0.1,
    ("ogg", "vorbis"): 0.02,
    ("ogg", "libopus"): 0.02,
    ("ogg", "flac"): 0.0,
    ("ipod", "aac"): 0.1,
    ("ipod", "alac"): 0.0,
    ("matroska", "flac"): 0.02,
    ("webm", "libopus"): 0.05,
    ("tta", "tta"): 0.0,
    ("wv", "wavpack"): 0.0,
    ("mp2", "mp2"): 0.08,
}


def _written(container: str, codec: str, piped: bool = False) -> bytes:
    if container == "rf64":
        return encoded("wav", codec, piped, rf64="always")
    return encoded(container, codec, piped)


def _plain() -> Iterator[Case]:
    for container, codecs in _PLAIN.items():
        for codec in codecs:
            # The last block of ADPCM is padded.
            slack = 0.05 if codec.startswith("adpcm") else 0.0

            def whole(container: str = container, codec: str = codec) -> bytes:
                return _written(container, codec)

            yield Case(container, codec, "none", whole, tolerance=slack)
            for name, damage in _sizes(container).items():
                yield Case(
                    container, codec, name, lambda d=damage, w=whole: d(w()),
                    missing=name == "states twice", tolerance=slack,
                )  # fmt: skip
            if container in ("wav", "au", "caf"):
                yield Case(
                    container, codec, "to a pipe",
                    lambda c=container, k=codec: _written(c, k, True), tolerance=slack,
                )  # fmt: skip
    yield Case("wav", "pcm_s16le", "tags behind", lambda: _trailer(_written("wav", "pcm_s16le")))
    yield Case(
        "wav", "pcm_s16le", "cut at 60 %", lambda: _cut(_written("wav", "pcm_s16le")),
        SECONDS * 0.6, missing=True, tolerance=0.01,
    )  # fmt: skip


def _cut(data: bytes) -> bytes:
    return data[: len(data) * 6 // 10]


def _coded() -> Iterator[Case]:
    for (container, codec), slack in _CODED.items():

        def whole(container: str = container, codec: str = codec) -> bytes:
            return _written(container, codec)

        yield Case(container, codec, "none", whole, tolerance=slack)
        if container not in ("ipod", "wv", "tta") and codec != "vorbis":  # index or count come last
            yield Case(
                container, codec, "to a pipe",
                lambda c=container, k=codec: _written(c, k, True), tolerance=slack + 0.05,
            )  # fmt: skip
        if container in ("flac", "mp3", "adts", "ogg", "mp2"):
            yield Case(
                container, codec, "two joined", lambda w=whole: w() * 2, 2 * SECONDS,
                tolerance=2 * slack,
            )  # fmt: skip
        if container in ("flac", "mp3", "ogg", "matroska"):
            yield Case(
                container, codec, "cut at 60 %", lambda w=whole: _cut(w()), SECONDS * 0.6,
                missing=True, tolerance=1.0 if container == "ogg" else 0.5,  # pages of 1 s
            )  # fmt: skip


def _counted() -> Iterator[Case]:
    flac, mp3 = ("flac", "flac"), ("mp3", "libmp3lame")
    for name, value in {
        "states nothing": lambda n: 0,
        "states half": lambda n: n // 2,
        "states twice": lambda n: 2 * n,
    }.items():
        twice = name == "states twice"
        yield Case(
            *flac, name, lambda v=value: _flac_total(v)(_written(*flac)), missing=twice
        )  # fmt: skip
        yield Case(
            *mp3, name, lambda v=value: _xing(v)(_written(*mp3)), missing=twice, tolerance=0.1
        )  # fmt: skip
    yield Case(
        *mp3, "no Xing frame", lambda: encoded(*mp3, write_xing="0"), tolerance=0.08
    )  # fmt: skip
    yield Case(
        "ogg", "Vorbis, then FLAC", "two joined",
        lambda: _written("ogg", "vorbis") + _written("ogg", "flac"), 2 * SECONDS, tolerance=0.05,
    )  # fmt: skip
    yield Case(
        "ogg", "Vorbis, then Opus at 48 kHz", "two joined",
        lambda: _written("ogg", "vorbis") + _written("ogg", "libopus"), 2 * SECONDS,
        tolerance=0.05,
    )  # fmt: skip


CASES = [*_plain(), *_coded(), *_counted()]


def ffmpeg_seconds(data: bytes) -> float:
    """The duration that FFmpeg alone decodes, 0 if it fails."""
    seconds = 0.0
    try:
        with av.open(io.BytesIO(data)) as container:
            for packet in container.demux(audio=0):
                try:
                    seconds += sum(f.samples / f.sample_rate for f in packet.decode())
                except av.FFmpegError:
                    continue
    except av.FFmpegError:
        pass
    return seconds


def main() -> None:
    from streamgenre.audio.files import open_source

    av.logging.set_level(av.logging.PANIC)
    print("| container | codec | damage | written | decoded | FFmpeg alone | warning |")
    print("|---|---|---|---|---|---|---|")
    for case in CASES:
        data = case.make()
        source = open_source(io.BytesIO(data))
        seconds = sum(len(block) for block in source.blocks()) / source.sample_rate
        print(
            f"| {case.container} | {case.codec} | {case.damage} | {case.seconds:.2f} "
            f"| {seconds:.2f} | {ffmpeg_seconds(data):.2f} | {'; '.join(source.warnings)} |"
        )


if __name__ == "__main__":
    main()
