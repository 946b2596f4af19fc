"""Files, pipes and internet radio as blocks of float32 at their own rate.

soundfile (libsndfile) reads wav, flac, ogg, opus, mp3; PyAV (FFmpeg) reads what soundfile
refuses, everything that cannot seek, and URLs. No header is trusted: reading goes on until the
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

    `raw` says that there is no container, only samples. Raises InputError with cause and remedy.
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
            raise InputError(f"{name}: raw samples are read from files and standard input only")
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
    """Whether it is a regular file; raises InputError where nothing can be read from it."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise InputError(f"{path}: is a folder; name the audio files in it")
        if stat.S_ISREG(status.st_mode):
            if status.st_size == 0:
                raise InputError(f"{path}: is empty (0 bytes)")
            path.open("rb").close()
            return True
        return False  # a named pipe or a device: opened once, by whoever reads it
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the path") from None
    except PermissionError:
        raise InputError(f"{path}: no permission to read it; check its owner and mode") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be opened: {error}") from None


def decode_mono(path: str | os.PathLike[str], sample_rate: int) -> NDArray[np.float32]:
    """A whole file as mono float32 at `sample_rate`, in memory: for training, not for streams."""
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
