"""Audio files and streams: every container through PyAV and libsndfile, by name and by pipe."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
from support.audio_files import encode
from support.tones import LIVE, Tones

from fuzz.target import Target
from streamgenre.audio.files import open_source
from streamgenre.audio.files.source import Gap
from streamgenre.model.stream import Stream

MOST_BLOCKS = 150  # compressed silence decodes to hours
_AV = (
    ("mp3", "libmp3lame"),
    ("ipod", "aac"),
    ("ipod", "alac"),
    ("adts", "aac"),
    ("matroska", "aac"),
    ("webm", "libopus"),
    ("ogg", "libopus"),
    ("ogg", "flac"),
    ("asf", "wmav2"),
    ("wav", "adpcm_ms"),
    ("wav", "pcm_mulaw"),
    ("rf64", "pcm_s16le"),
    ("mp4", "ac3"),
    ("mpegts", "mp2"),
    ("avi", "mp3"),
    ("flv", "mp3"),
    ("tta", "tta"),
    ("wv", "wavpack"),
    ("caf", "pcm_s16be"),
    ("au", "pcm_s16be"),
    ("aiff", "pcm_s24be"),
    ("w64", "pcm_f32le"),
    ("mov", "pcm_s16le"),
)
_SOUNDFILE = (
    ("WAV", "PCM_U8"),
    ("WAV", "DOUBLE"),
    ("WAV", "GSM610"),
    ("FLAC", "PCM_24"),
    ("OGG", "VORBIS"),
    ("AIFF", "FLOAT"),
    ("AVR", "PCM_16"),
    ("SVX", "PCM_16"),
    ("NIST", "PCM_16"),
    ("VOC", "PCM_16"),
    ("IRCAM", "PCM_16"),
    ("PAF", "PCM_16"),
    ("HTK", "PCM_16"),
    ("SDS", "PCM_16"),
    ("XI", "DPCM_16"),
    ("MAT5", "PCM_16"),
    ("PVF", "PCM_16"),
)


def _seeds() -> Mapping[str, bytes]:
    """Half a second of sound in each container."""
    rng = np.random.default_rng(0)
    sound = (0.3 * rng.uniform(-1, 1, (11_025, 2))).astype(np.float32)
    seeds = {}
    for form, subtype in _SOUNDFILE:
        channels = 1 if form in ("XI", "HTK", "SDS") or subtype == "GSM610" else 2
        buffer = io.BytesIO()
        with suppress(soundfile.LibsndfileError):  # this build cannot write the format
            soundfile.write(buffer, sound[:, :channels], 22_050, format=form, subtype=subtype)
            seeds[f"{form}-{subtype}".lower()] = buffer.getvalue()
    for container, codec in _AV:
        with suppress(ValueError, OSError):  # this build of FFmpeg has no such encoder
            buffer = io.BytesIO()
            encode(buffer, sound, 22_050, container, codec)
            seeds[f"{container}-{codec}"] = buffer.getvalue()
    chained = seeds["ogg-vorbis"] + seeds["ogg-libopus"]
    return {**seeds, "chained": chained, "page": b"<!doctype html><title>404</title>", "empty": b""}


class _Pipe(io.RawIOBase):
    """Bytes that arrive in small parts and cannot be sought."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        part = self._data.read(min(len(buffer), 1_400))
        buffer[: len(part)] = part
        return len(part)


def _decoded(where: Path | BinaryIO) -> Iterator[np.ndarray]:
    """Blocks of a source, checked against its interface."""
    source = open_source(where)
    try:
        assert source.sample_rate > 0, source.sample_rate
        stated = source.stated_duration
        assert stated is None or (math.isfinite(stated) and stated >= 0), stated
        stream, rate = Stream(Tones(), LIVE), source.sample_rate
        time = 0.0
        for number, block in enumerate(source.blocks()):
            assert not isinstance(block, Gap)
            assert block.dtype == np.float32 and block.ndim == 2 and len(block), block.shape
            for update in stream.feed(block, rate):
                assert time < update.time and math.isfinite(update.level)
                assert update.confidence is None or 0 <= update.confidence <= 1.000001
                time = update.time
            yield block
            if number == MOST_BLOCKS:
                return
        stream.flush()
        assert all(isinstance(line, str) and line.isprintable() for line in source.warnings)
    finally:
        source.close()


def _check(data: bytes, folder: Path) -> None:
    path = folder / "recording"
    path.write_bytes(data)
    pipe = io.BufferedReader(_Pipe(data), 2_048)
    from streamgenre.errors import StreamgenreError

    try:
        for _ in _decoded(pipe):
            pass
    except StreamgenreError as error:
        assert str(error).isprintable(), str(error)
    for _ in _decoded(path):
        pass


TARGET = Target(
    "files",
    "audio files of 38 containers and codecs, by name (PyAV, libsndfile) and through a pipe",
    _seeds,
    _check,
)
