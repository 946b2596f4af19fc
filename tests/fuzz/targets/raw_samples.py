"""Raw PCM, WAV and arrays through the real network."""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np

import streamgenre
from fuzz.target import Reader, Target
from streamgenre.audio import ENCODINGS
from streamgenre.audio.files import open_source
from streamgenre.audio.files.raw import RawFormat
from streamgenre.audio.files.source import sounds

_RATES = (8_000, 16_000, 22_050, 44_100, 48_000, 96_000, 1, 1_000_000)
_MOST = 40_000  # samples fed: two to four steps
_TYPES = (np.float32, np.int16, np.float64, np.int32, np.uint8, np.float16, bool)


@cache
def _model() -> streamgenre.Model:
    return streamgenre.load()


def _seeds() -> Mapping[str, bytes]:
    rng = np.random.default_rng(0)
    noise = rng.uniform(-0.5, 0.5, 12_000)
    floats = noise.astype("<f4")
    special = floats.copy()
    special[:42:7] = [np.nan, np.inf, -np.inf, 1e30, -1e30, 1e-42]
    wav = (
        b"RIFF"
        + struct.pack("<I", 24_036)
        + b"WAVEfmt "
        + struct.pack("<IHHIIHH", 16, 1, 1, 16_000, 32_000, 2, 16)
    )
    wav += b"data" + struct.pack("<I", 24_000) + (noise * 32_767).astype("<i2").tobytes()
    seeds = {"wav": b"\x02\0\0\0" + wav}
    for number in range(len(ENCODINGS)):
        seeds[f"raw-{number}"] = bytes([0, number, 1, 2]) + floats.tobytes()
    for number in range(len(_TYPES)):
        seeds[f"array-{number}"] = bytes([1, number, 1, 2]) + special.tobytes()
    return seeds


def _check(data: bytes, folder: Path) -> None:
    reader = Reader(data)
    kind, form = reader.number() % 3, reader.number()
    rate, channels = _RATES[reader.number() % len(_RATES)], 1 + reader.number() % 9
    samples = reader.rest()
    if kind == 0:
        encoding = tuple(ENCODINGS)[form % len(ENCODINGS)]
        source = open_source(io.BytesIO(samples), RawFormat(encoding, rate, channels))
        blocks = list(sounds(source))
        frame = ENCODINGS[encoding] * channels
        assert sum(map(len, blocks)) == len(samples) // frame
        assert bool(source.warnings) == bool(len(samples) % frame)
        _feed(blocks, rate)
    elif kind == 1:
        dtype = np.dtype(_TYPES[form % len(_TYPES)])
        whole = np.frombuffer(samples[: len(samples) // dtype.itemsize * dtype.itemsize], dtype)
        if channels > 1:
            whole = whole[: len(whole) // channels * channels].reshape(-1, channels)
        _feed([whole], rate)
    else:
        path = folder / "x.wav"
        path.write_bytes(samples)
        source = open_source(path)
        try:
            _feed([block.copy() for block in sounds(source)], source.sample_rate)
        finally:
            source.close()


def _feed(blocks: list[np.ndarray], rate: int) -> None:
    """Feed blocks, at most _MOST samples; every number in every update is finite."""
    stream = _model().stream()
    fed = 0
    for block in blocks:
        updates = stream.feed(block[: _MOST - fed], rate)
        fed += len(block)
        for update in updates:
            assert math.isfinite(update.level) and math.isfinite(update.confidence)
            assert all(0 <= p <= 1 for p in update.probabilities.values())
            assert abs(sum(update.probabilities.values()) - 1) < 1e-3
        if fed >= _MOST:
            break
    stream.flush()
    assert np.isfinite(stream.state).all()


TARGET = Target(
    "samples",
    "raw PCM of every encoding, WAV, and arrays of other types, through the bundled network",
    _seeds,
    _check,
)
