"""`streamgenre doctor`: what works on this machine, each part tried rather than assumed."""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import click

from ..errors import StreamgenreError
from .options import model_option


class Finding(NamedTuple):
    """One part: whether it works, and what to know about it."""

    works: bool
    text: str
    needed: bool = True


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@model_option
def command(model: Path | None) -> int:
    """Try decoders, the microphone's library, compute, caches and the model."""
    bad = 0
    for name, check in _checks(model):
        try:
            finding = check()
        except StreamgenreError as error:
            finding = Finding(False, str(error))
        except Exception as error:  # a doctor names what is ill, whatever it is
            finding = Finding(False, f"{type(error).__name__}: {error}")
        bad += finding.needed and not finding.works
        mark = "ok" if finding.works else ("FAILED" if finding.needed else "absent")
        click.echo(f"{mark:7} {name:12} {finding.text}")
    return 1 if bad else 0


def _checks(model: Path | None) -> Iterator[tuple[str, Callable[[], Finding]]]:
    yield "python", lambda: Finding(sys.version_info >= (3, 11), sys.version.split()[0])
    for container in ("wav", "flac", "ogg", "opus", "mp3"):
        yield container, lambda container=container: _libsndfile(container)  # type: ignore[misc]
    for container in ("m4a", "mp4", "webm"):
        yield container, lambda container=container: _ffmpeg(container)  # type: ignore[misc]
    yield "microphone", _portaudio
    yield "numba", _numba_cache
    yield "model", lambda: _model(model)
    yield "cuda", _cuda


def _libsndfile(container: str) -> Finding:
    """Code a second of tone and read it back through the same way as any file."""
    import numpy as np
    import soundfile

    from ..audio.files import decode_mono

    tone = (0.3 * np.sin(np.arange(48_000) / 20)).astype(np.float32)
    kinds = {"opus": ("OGG", "OPUS"), "ogg": ("OGG", "VORBIS"), "mp3": ("MP3", "MPEG_LAYER_III")}
    form, subtype = kinds.get(container, (container.upper(), None))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"tone.{container}"
        soundfile.write(path, tone, 48_000, format=form, subtype=subtype)
        heard = decode_mono(path, 48_000)
    version = soundfile.__libsndfile_version__
    return Finding(float(np.abs(heard).max()) > 0.2, f"libsndfile {version}")


def _ffmpeg(container: str) -> Finding:
    import av
    import numpy as np

    from ..audio.files.ffmpeg import FFmpegSource

    buffer = io.BytesIO()
    codec = "libopus" if container == "webm" else "aac"
    form = "ipod" if container == "m4a" else container
    with av.open(buffer, "w", format=form) as out:
        stream = out.add_stream(codec, rate=48_000, layout="mono")
        assert isinstance(stream, av.AudioStream)
        tone = (0.3 * np.sin(np.arange(48_000) / 20)).astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
        frame.sample_rate = 48_000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            out.mux(packet)
    buffer.seek(0)
    heard = np.concatenate(list(FFmpegSource(buffer, container).blocks()))
    return Finding(float(np.abs(heard).max()) > 0.2, f"PyAV {av.__version__}, {codec}")


def _portaudio() -> Finding:
    from ..audio.live.devices import inputs

    try:
        found = inputs()
    except StreamgenreError as error:
        return Finding(False, str(error), needed=False)
    if not found:
        return Finding(False, "PortAudio is there, but no input device", needed=False)
    return Finding(True, f"{len(found)} inputs, first: {found[0].name}", needed=False)


def _numba_cache() -> Finding:
    import numba

    from ..audio.jit import cache_folder
    from ..audio.live.ring import _write_over

    kept = cache_folder(_write_over)
    where = f"cache in {kept}" if kept else "no cache folder can be written: slower start"
    return Finding(True, f"{numba.__version__}, {where}")


def _model(model: Path | None) -> Finding:
    import numpy as np
    import onnxruntime

    from ..model.model import load

    loaded = load(model)
    stream = loaded.stream()
    updates = stream.feed(np.zeros(16_000 * 3, np.float32), 16_000)
    card = loaded.card
    text = f"{card.name} {card.version}, hash right, ONNX Runtime {onnxruntime.__version__}"
    return Finding(bool(updates) and updates[-1].status == "no-music", text)


def _cuda() -> Finding:
    try:
        import torch
    except ImportError:
        return Finding(False, "PyTorch is not installed; not needed", needed=False)
    there = torch.cuda.is_available()
    text = torch.cuda.get_device_name() if there else f"PyTorch {torch.__version__} sees no GPU"
    return Finding(there, text, needed=False)
