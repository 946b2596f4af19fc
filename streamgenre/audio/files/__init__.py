"""Open files, pipes and internet radio as blocks of float32 at their own sample rate.

soundfile (libsndfile) reads wav, flac, ogg, opus and mp3. PyAV (FFmpeg) reads what soundfile
refuses, everything that cannot seek, and URLs. Headers are not trusted: reading continues until the
data ends, and nothing is allocated from a stated length.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from .raw import RawFormat, RawSource
from .source import Source, is_url


def open_source(where: str | os.PathLike[str] | BinaryIO, raw: RawFormat | None = None) -> Source:
    """Open a path, an http(s) URL, "-" for standard input, or a binary file object.

    `raw`: the format of samples without a header. Raises InputError with cause and remedy.
    """
    if not isinstance(where, (str, os.PathLike)):
        name = _name_of(where)
        return RawSource(where, raw, name) if raw else _open_av(where, name)
    name = os.fspath(where)
    if name == "-":
        if sys.stdin is None:
            raise InputError("-: standard input is closed")
        stdin = sys.stdin.buffer
        return RawSource(stdin, raw, "-") if raw else _open_av(stdin, "-")
    if is_url(name):
        if raw:
            raise InputError(
                f"{name}: raw samples cannot be read from a URL; use a file or standard input"
            )
        return _open_av(name, name)
    path = Path(name)
    regular = _check_readable(path)
    if raw:
        return RawSource(path.open("rb"), raw, name, owned=True)
    if regular:
        from .libsndfile import SoundFileSource

        source = SoundFileSource.open_or_none(path)
        if source is not None:
            return source
    return _open_av(str(path.absolute()), name)


def _name_of(file: BinaryIO) -> str:
    name = getattr(file, "name", None)
    return name if isinstance(name, str) else "<stream>"


def _open_av(where: str | BinaryIO, name: str) -> Source:
    from .ffmpeg import FFmpegSource

    return FFmpegSource(where, name)


def _check_readable(path: Path) -> bool:
    """Whether the path is a regular file; raises InputError if it cannot be read."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise InputError(f"{path}: is a folder; give the audio files in it")
        if stat.S_ISREG(status.st_mode):
            if status.st_size == 0:
                raise InputError(f"{path}: is empty (0 bytes)")
            path.open("rb").close()
            return True
        return False  # a named pipe or a device: opening it twice would lose data
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the path") from None
    except PermissionError:
        raise InputError(f"{path}: no permission to read it; check its owner and mode") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be opened: {error}") from None


def decode_mono(path: str | os.PathLike[str], sample_rate: int) -> NDArray[np.float32]:
    """Decode a whole file to mono float32 (n,) at `sample_rate`. For training, not for streams."""
    from ..mix import mix_to_mono
    from ..resample import Resampler

    source = open_source(path)
    try:
        blocks = [mix_to_mono(block)[0] for block in source.blocks()]
        resampler = Resampler(source.sample_rate, sample_rate)
        parts = [resampler.push(block) for block in blocks]
        return np.concatenate([*parts, resampler.finish()])
    finally:
        source.close()
