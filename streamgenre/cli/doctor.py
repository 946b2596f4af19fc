"""`streamgenre doctor`: check which parts work on this machine by running them."""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import click

from ..errors import StreamgenreError
from ..extras import EXTRAS, install_command, installed
from .options import model_option


class Result(NamedTuple):
    """The result of one check."""

    works: bool
    text: str
    needed: bool = True


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@model_option
def command(model: Path | None) -> int:
    """Check decoders, audio devices, caches, the model and CUDA by running each of them."""
    bad = 0
    for name, check in _checks(model):
        try:
            finding = check()
        except StreamgenreError as error:
            finding = Result(False, str(error))
        except Exception as error:  # report any failure
            finding = Result(False, f"{type(error).__name__}: {error}")
        bad += finding.needed and not finding.works
        mark = "ok" if finding.works else ("FAILED" if finding.needed else "absent")
        click.echo(f"{mark:7} {name:12} {finding.text}")
    return 1 if bad else 0


def _checks(model: Path | None) -> Iterator[tuple[str, Callable[[], Result]]]:
    yield "python", lambda: Result(sys.version_info >= (3, 11), sys.version.split()[0])
    for container in ("wav", "flac", "ogg", "opus", "mp3"):
        yield container, lambda container=container: _libsndfile(container)  # type: ignore[misc]
    for container in ("m4a", "mp4", "webm"):
        yield container, lambda container=container: _ffmpeg(container)  # type: ignore[misc]
    yield "microphone", _portaudio
    yield "numba", _numba_cache
    yield "model", lambda: _model(model)
    for extra in EXTRAS:
        yield extra, lambda extra=extra: _extra(extra)  # type: ignore[misc]
    yield "cuda", _cuda


def _libsndfile(container: str) -> Result:
    """Encode a tone, and decode it like any input file."""
    import soundfile

    from ..audio.files import decode_mono
    from ..signals import tone

    kinds = {"opus": ("OGG", "OPUS"), "ogg": ("OGG", "VORBIS"), "mp3": ("MP3", "MPEG_LAYER_III")}
    form, subtype = kinds.get(container, (container.upper(), None))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"tone.{container}"
        soundfile.write(path, tone(1.0, 48_000), 48_000, format=form, subtype=subtype)
        decoded = decode_mono(path, 48_000)
    version = soundfile.__libsndfile_version__
    return Result(float(abs(decoded).max()) > 0.2, f"libsndfile {version}")


def _ffmpeg(container: str) -> Result:
    import av
    import numpy as np

    from ..audio.files import open_source
    from ..signals import tone

    buffer = io.BytesIO()
    codec = "libopus" if container == "webm" else "aac"
    form = "ipod" if container == "m4a" else container
    with av.open(buffer, "w", format=form) as out:
        stream = out.add_stream(codec, rate=48_000, layout="mono")
        assert isinstance(stream, av.AudioStream)
        samples = tone(1.0, 48_000)[None]
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate = 48_000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            out.mux(packet)
    buffer.seek(0)
    decoded = np.concatenate(list(open_source(buffer).blocks()))
    return Result(float(abs(decoded).max()) > 0.2, f"PyAV {av.__version__}, {codec}")


def _portaudio() -> Result:
    from ..audio.live.devices import inputs

    try:
        devices = inputs()
    except StreamgenreError as error:
        return Result(False, str(error), needed=False)
    if not devices:
        return Result(False, "PortAudio works, but there is no input device", needed=False)
    return Result(True, f"{len(devices)} inputs, first: {devices[0].name}", needed=False)


def _numba_cache() -> Result:
    import numba

    from ..audio.jit import cache_folder
    from ..audio.live.ring import _write_over

    kept = cache_folder(_write_over)
    where = f"cache in {kept}" if kept else "no writable cache folder: slower start"
    return Result(True, f"{numba.__version__}, {where}")


def _model(model: Path | None) -> Result:
    import numpy as np
    import onnxruntime

    from ..model.model import load

    loaded = load(model)
    stream = loaded.stream()
    updates = stream.feed(np.zeros(16_000 * 3, np.float32), 16_000)
    card = loaded.card
    text = f"{card.name} {card.version}, hash correct, ONNX Runtime {onnxruntime.__version__}"
    return Result(bool(updates) and updates[-1].status == "no-music", text)


def _extra(name: str) -> Result:
    if installed(name):
        return Result(True, f"the extra {name} is installed", needed=False)
    return Result(False, f"optional: {install_command(name)}", needed=False)


def _cuda() -> Result:
    try:
        import torch
    except ImportError:
        return Result(False, "PyTorch is not installed (optional)", needed=False)
    available = torch.cuda.is_available()
    text = (
        torch.cuda.get_device_name() if available else f"PyTorch {torch.__version__} finds no GPU"
    )
    return Result(available, text, needed=False)
