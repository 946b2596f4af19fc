"""Decoding, mixing and resampling to 16 kHz mono only: the minimum cost of a file.

`python -m bench.file.alone ours FILE...` uses the parts of this project; `libraries` uses plain
calls of soundfile (PyAV for formats that it cannot read), NumPy and soxr, like a short script.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
_BLOCK = 16_384


def ours(path: Path) -> int:
    """Number of samples, with the parts of this project."""
    from streamgenre.audio.files import open_source
    from streamgenre.audio.files.source import sounds
    from streamgenre.audio.mix import as_frames, mix_to_mono
    from streamgenre.audio.resample import Resampler

    source = open_source(path)
    try:
        resampler = Resampler(source.sample_rate, RATE)
        count = sum(
            len(resampler.push(mix_to_mono(as_frames(block, source.channels))[0]))
            for block in sounds(source)
        )
        return count + len(resampler.finish())
    finally:
        source.close()


def libraries(path: Path) -> int:
    """Number of samples, with plain library calls."""
    import soxr

    rate, blocks = _with_av(path) if path.suffix == ".m4a" else _with_soundfile(path)
    resampler = soxr.ResampleStream(rate, RATE, 1, dtype="float32", quality="HQ")
    count = sum(len(resampler.resample_chunk(block)) for block in blocks)
    return count + len(resampler.resample_chunk(np.zeros(0, np.float32), last=True))


def _with_soundfile(path: Path) -> tuple[int, Iterator[NDArray[np.float32]]]:
    import soundfile

    blocks = soundfile.blocks(str(path), blocksize=_BLOCK, dtype="float32", always_2d=True)
    return soundfile.info(str(path)).samplerate, (block.mean(axis=1) for block in blocks)


def _with_av(path: Path) -> tuple[int, Iterator[NDArray[np.float32]]]:
    import av

    container = av.open(str(path))
    frames = container.decode(audio=0)
    rate: int = container.streams.audio[0].rate
    return rate, (frame.to_ndarray().mean(axis=0) for frame in frames)


SIDES = {"ours": ours, "libraries": libraries}

if __name__ == "__main__":
    for name in sys.argv[2:]:
        SIDES[sys.argv[1]](Path(name))
