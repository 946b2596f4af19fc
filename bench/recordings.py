"""Test recordings: the example clips in stereo, repeated, in many formats."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
import soxr
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from .common import CLIPS

_RATE = 44_100
_OPUS_RATE = 48_000
_SOUNDFILE = {
    "mp3": ("MP3", "MPEG_LAYER_III", _RATE),
    "flac": ("FLAC", "PCM_16", _RATE),
    "wav": ("WAV", "PCM_16", _RATE),
    "ogg": ("OGG", "VORBIS", _RATE),
    "opus": ("OGG", "OPUS", _OPUS_RATE),  # does not support 44.1 kHz
}
FORMATS = (*_SOUNDFILE, "m4a")
"""File extensions that `write` supports."""


def write(path: Path, seconds: float) -> Path:
    """Write a recording of about this length in the format of the extension."""
    form = path.suffix[1:]
    if form == "m4a":
        _write_m4a(path, seconds)
        return path
    _, _, rate = _SOUNDFILE[form]
    return _write_pieces(path, _pieces(seconds, rate))


def write_samples(path: Path, samples: NDArray[np.float32], sample_rate: int) -> Path:
    """Write mono samples as a stereo recording in the format of the extension, not m4a."""
    _, _, rate = _SOUNDFILE[path.suffix[1:]]
    mono = soxr.resample(samples, sample_rate, rate)
    return _write_pieces(path, [np.repeat(mono[:, None], 2, axis=1)])


def _write_pieces(path: Path, pieces: Iterable[NDArray[np.float32]]) -> Path:
    container, subtype, rate = _SOUNDFILE[path.suffix[1:]]
    with soundfile.SoundFile(path, "w", rate, 2, format=container, subtype=subtype) as file:
        for piece in pieces:
            file.write(piece)
    return path


def longer(path: Path, source: Path, seconds: float) -> Path:
    """Write an mp3 of this length by repeating packets; encoding it would take half an hour."""
    copied: Any = None
    written = 0.0
    with av.open(str(path), "w") as out:
        while written < seconds:
            with av.open(str(source)) as opened:
                stream: Any = opened.streams.audio[0]
                if copied is None:
                    copied = out.add_stream_from_template(stream)
                for packet in opened.demux(stream):
                    if not packet.size or written >= seconds:  # the last packet is empty
                        break
                    packet.pts = packet.dts = round(written / stream.time_base)
                    packet.stream = copied
                    out.mux(packet)
                    written += float(packet.duration * stream.time_base)
    return path


def seconds_of(path: Path) -> float:
    """Duration of a recording according to its header."""
    if path.suffix != ".m4a":
        return float(soundfile.info(path).duration)
    with av.open(str(path)) as opened:
        assert opened.duration is not None
        return float(opened.duration / av.time_base)


def _pieces(seconds: float, rate: int) -> Iterator[NDArray[np.float32]]:
    """Yield stereo float32 (n, 2), at most a second at a time."""
    left = round(seconds * rate)
    while left > 0:
        for clip in CLIPS:
            read, own = soundfile.read(clip, dtype="float32", always_2d=True)
            samples = soxr.resample(read, own, rate) if own != rate else read
            samples = np.repeat(samples, 2 // samples.shape[1], axis=1)[:left]
            left -= len(samples)
            for start in range(0, len(samples), rate):
                yield np.asarray(samples[start : start + rate], np.float32)


def _write_m4a(path: Path, seconds: float) -> None:
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("aac", rate=_RATE, layout="stereo", bit_rate=128_000)
        position = 0
        for piece in _pieces(seconds, _RATE):
            planes = np.ascontiguousarray(piece.T)
            frame = AudioFrame.from_ndarray(planes, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = _RATE, position
            position += len(piece)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
