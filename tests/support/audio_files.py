"""Write the same music in every supported format."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import soundfile
import soxr

_SOUNDFILE = {
    "u8.wav": ("WAV", "PCM_U8"),
    "s16.wav": ("WAV", "PCM_16"),
    "s24.wav": ("WAV", "PCM_24"),
    "s32.wav": ("WAV", "PCM_32"),
    "float.wav": ("WAV", "FLOAT"),
    "double.wav": ("WAV", "DOUBLE"),
    "x.flac": ("FLAC", "PCM_16"),
    "x24.flac": ("FLAC", "PCM_24"),
    "x.ogg": ("OGG", "VORBIS"),
    "x.opus": ("OGG", "OPUS"),
    "x.mp3": ("MP3", "MPEG_LAYER_III"),
    "x.aiff": ("AIFF", "PCM_16"),
}
_AV = {
    "x.m4a": ("ipod", "aac"),
    "x.aac": ("adts", "aac"),
    "x.webm": ("webm", "libopus"),
    "x.mkv": ("matroska", "aac"),
}
NAMES = [*_SOUNDFILE, *_AV, "film.mp4"]


def write(path: Path, samples: np.ndarray, rate: int) -> Path:
    """Write float32 (n, channels) in the format that the name of the path selects."""
    name = path.name
    if name in _SOUNDFILE:
        form, subtype = _SOUNDFILE[name]
        if name.endswith(".opus"):
            samples, rate = soxr.resample(samples, rate, 48_000), 48_000
        with soundfile.SoundFile(
            path, "w", rate, samples.shape[1], format=form, subtype=subtype
        ) as out:
            for first in range(0, len(samples), rate):
                out.write(np.clip(samples[first : first + rate], -1, 1))
        return path
    form, codec = _AV.get(name, ("mp4", "aac"))
    encode(path, samples, rate, form, codec, picture=name == "film.mp4")
    return path


def encode(
    target: Path | io.BytesIO,
    samples: np.ndarray,
    rate: int,
    form: str,
    codec: str,
    picture: bool = False,
) -> None:
    """Encode with FFmpeg, with a small video if `picture`."""
    if codec == "libopus":
        samples, rate = soxr.resample(samples, rate, 48_000), 48_000
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[samples.shape[1]]
    with av.open(
        target if isinstance(target, io.BytesIO) else str(target), "w", format=form
    ) as out:
        video = out.add_stream("mpeg4", rate=5) if picture else None
        if video is not None:
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = out.add_stream(codec, rate=rate, layout=layout)
        if video is not None:
            for i in range(len(samples) * 5 // rate):
                picture_frame = av.VideoFrame.from_ndarray(
                    np.full((48, 64, 3), i % 256, np.uint8), format="rgb24"
                )
                out.mux(video.encode(picture_frame))
            out.mux(video.encode(None))
        planar = np.ascontiguousarray(samples.T.astype(np.float32))
        fit = av.AudioResampler(
            sound.format.name, layout, rate, frame_size=sound.frame_size or 1024
        )
        frame = av.AudioFrame.from_ndarray(planar, format="fltp", layout=layout)
        frame.sample_rate = rate
        for piece in [*fit.resample(frame), *fit.resample(None)]:
            out.mux(sound.encode(piece))
        out.mux(sound.encode(None))
