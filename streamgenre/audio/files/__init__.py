"""Open files, pipes and internet radio as blocks of float32 at their own sample rate.

PyAV (FFmpeg) decodes bytes that are read here, so that a recording gives the same samples by name,
through a pipe, from a file object and from a URL. libsndfile reads formats that FFmpeg rejects.
Headers are not trusted: reading continues until the data ends, and nothing is allocated from a
stated length.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError, reason
from ..address import Recording, is_url, resolved, shown
from .content import EMPTY
from .playlist import PlaylistError, check_entry
from .raw import RawFormat, RawSource
from .source import Source, sounds

DEEPEST_LIST = 4  # playlists inside playlists


def open_source(
    where: str | os.PathLike[str] | BinaryIO,
    raw: RawFormat | None = None,
    reconnect: bool = False,
) -> Source:
    """Open a path, an http(s) URL, "-" for standard input, or a binary file object.

    A playlist with one entry opens that entry.

    Args:
        raw: the format of samples without a header.
        reconnect: reconnect to a URL when its data ends, even if it is not internet radio.

    Raises InputError with cause and remedy, and PlaylistError for a list of several recordings.
    """
    if not isinstance(where, (str, os.PathLike)):
        name = _name_of(where)
        return RawSource(where, raw, name) if raw else _decoder(where, name, None)
    recording = Recording(os.fspath(where))
    for _ in range(DEEPEST_LIST):
        try:
            return open_recording(recording, raw, reconnect)
        except PlaylistError as listed:
            if len(listed.entries) != 1:
                raise
            recording = Recording(listed.entries[0], recording.remote or listed.remote)
    raise InputError(
        f"{shown(os.fspath(where))}: the playlists refer to each other; pass the files themselves"
    )


def open_recording(
    recording: Recording, raw: RawFormat | None = None, reconnect: bool = False
) -> Source:
    """As `open_source`, but raises PlaylistError for every playlist."""
    if recording.remote:
        check_entry(recording.where)
    if recording.where == "-":
        if sys.stdin is None:
            raise InputError("-: standard input is closed; pass a file, or pipe data into it")
        stdin = sys.stdin.buffer
        return RawSource(stdin, raw, "-") if raw else _decoder(stdin, "-", None)
    address, name = resolved(recording.where), recording.name
    if is_url(address):
        if raw:
            raise InputError(
                f"{name}: raw samples cannot be read from a URL; use a file or standard input"
            )
        from .radio import UrlSource

        return UrlSource(address, reconnect)
    path = Path(address)
    regular = _check_readable(path)
    file = path.open("rb")
    if raw:
        return RawSource(file, raw, name, owned=True)
    try:
        return _decoder(file, name, path.parent, owned=True)
    except InputError:
        if regular:
            from .libsndfile import SoundFileSource

            source = SoundFileSource.open_or_none(path)
            if source is not None:
                return source
        raise


def _name_of(file: BinaryIO) -> str:
    name = getattr(file, "name", None)
    return name if isinstance(name, str) else "<stream>"


def _decoder(file: BinaryIO, name: str, base: Path | None, owned: bool = False) -> Source:
    from .byteio import ObjectFile
    from .ffmpeg import decoder

    return decoder(ObjectFile(file, owned), name, base)


def _check_readable(path: Path) -> bool:
    """Whether the path is a regular file; raises InputError if it cannot be read."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise InputError(
                f"{path}: is a folder; pass the audio files in it, or use streamgenre scan"
            )
        if stat.S_ISREG(status.st_mode):
            if status.st_size == 0:
                raise InputError(f"{path}: {EMPTY}")
            path.open("rb").close()
            return True
        return False  # a named pipe or a device: opening it twice would lose data
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the path") from None
    except PermissionError:
        raise InputError(f"{path}: no permission to read it; check its owner and mode") from None
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: cannot be opened: {reason(error)}; check the path and the disk"
        ) from None


def decode_mono(path: str | os.PathLike[str], sample_rate: int) -> NDArray[np.float32]:
    """Decode a whole file to mono float32 (n,) at `sample_rate`. For training, not for streams."""
    from ..mix import Mixer
    from ..resample import Resampler

    source = open_source(path)
    try:
        mixer = Mixer()
        blocks = [mixer.mix(block)[0] for block in sounds(source)]
        resampler = Resampler(source.sample_rate, sample_rate)
        parts = [resampler.push(block) for block in blocks]
        return np.concatenate([*parts, resampler.finish()])
    finally:
        source.close()
