"""Short recordings in every container whose tags are written, and the results of a scan of them."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import av
import numpy as np
import soundfile

from streamgenre.library.results import write_results
from streamgenre.library.row import Row, shown_path

RATE = 44_100
OTHER_TAGS = {"title": "Tïtle", "artist": "Ärtist"}
LABELS = ("jazz", "metal")

# Name -> format and codec of FFmpeg, and options of the muxer.
CONTAINERS = {
    "v24.mp3": ("mp3", "mp3", {"id3v2_version": "4"}),
    "v23.mp3": ("mp3", "mp3", {"id3v2_version": "3"}),
    "v1.mp3": ("mp3", "mp3", {"write_id3v1": "1"}),
    "a.flac": ("flac", "flac", {}),
    "a.ogg": ("ogg", "soundfile", {}),
    "a.opus": ("ogg", "libopus", {}),
    "a.oga": ("ogg", "flac", {}),
    "a.m4a": ("ipod", "aac", {}),
    "alac.m4a": ("ipod", "alac", {}),
    "a.mp4": ("mp4", "aac", {}),
    "a.wma": ("asf", "wmav2", {}),
    "a.wv": ("wv", "wavpack", {}),
    "a.tta": ("tta", "tta", {}),
    "a.wav": ("wav", "pcm_s16le", {}),
    "a.aiff": ("aiff", "pcm_s16be", {"write_id3v2": "1"}),
    "a.mpc": ("mpc", "mpcenc", {}),
}


def available(name):
    """Whether this file can be made here."""
    return CONTAINERS[name][1] != "mpcenc" or shutil.which("mpcenc") is not None


def tone(seconds=0.5):
    """A tone with noise, float32 (n,), which no encoder makes silence of."""
    t = np.arange(round(seconds * RATE)) / RATE
    noise = np.random.default_rng(1).standard_normal(len(t))
    return (0.3 * np.sin(2 * np.pi * 440 * t) + 0.01 * noise).astype(np.float32)


def write_tagged(path, tags, name=None):
    """Write a recording with these tags in the container of a name, by default that of the path."""
    form, codec, options = CONTAINERS[name or path.name]
    if codec == "mpcenc":
        return _write_musepack(path, tags)
    if codec == "soundfile":  # PyAV has no encoder of Vorbis
        with soundfile.SoundFile(path, "w", RATE, 1, format="OGG", subtype="VORBIS") as out:
            for tag, text in tags.items():
                setattr(out, tag, text)
            out.write(tone())
        return path
    with av.open(str(path), "w", format=form, options=options) as out:
        out.metadata.update(tags)
        stream = out.add_stream(codec, rate=48_000 if codec == "libopus" else RATE)
        stream.layout, stream.bit_rate = "mono", 128_000
        fit = av.AudioResampler(stream.format.name, "mono", stream.rate, stream.frame_size or 1024)
        frame = av.AudioFrame.from_ndarray(tone()[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = RATE, 0
        for part in [*fit.resample(frame), *fit.resample(None)]:
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))
    return path


def _write_musepack(path, tags):
    source = path.with_suffix(".source.wav")
    soundfile.write(source, tone(), RATE)
    stated = [part for k, v in tags.items() for part in ("--tag", f"{k.title()}={v}")]
    command = ["mpcenc", "--silent", "--overwrite", *stated, str(source), str(path)]
    subprocess.run(command, check=True, capture_output=True)
    source.unlink()
    return path


def decoded(path):
    """Hash of the decoded samples."""
    digest = hashlib.sha256()
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            digest.update(frame.to_ndarray().tobytes())
    return digest.hexdigest()


def copied_streams(path):
    """Hash of the encoded audio by the ffmpeg command; None where there is none."""
    if shutil.which("ffmpeg") is None:
        return None
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(path)]
    command += ["-map", "0:a", "-c", "copy", "-f", "md5", "-"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def row(path, genre="jazz", confidence=0.9, **further):
    """The row that a scan gives a file."""
    status = Path(path).stat()
    return Row(
        shown_path(str(path)), status.st_size, status.st_mtime_ns / 1e9,
        **{
            "duration": 0.5, "status": "genre" if genre else "unsure", "genre": genre,
            "confidence": confidence, "music": 1.0, "styles": {}, "segments": (),
            "probabilities": dict.fromkeys(LABELS, 0.0) | {genre or "jazz": confidence},
            "model": "m 1", **further,
        },
    )  # fmt: skip


def results_of(path, rows):
    """Results with these rows."""
    write_results(path, rows, LABELS)
    return path
