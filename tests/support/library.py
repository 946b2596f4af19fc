"""A library of short recordings, some of them broken, and a comparison of rows."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import soundfile
from support import commands

FAULTS = Path(__file__).parent / "faults"
RATE = 16_000


def sound(number, seconds=3.0):
    """Tones and noise, different for each number."""
    rng = np.random.default_rng(number)
    t = np.arange(round(seconds * RATE)) / RATE
    pitch = 80 * 2 ** rng.uniform(0, 3)
    beat = np.exp(-((t * rng.uniform(1, 4)) % 1) * 8)
    made = sum(np.sin(2 * np.pi * pitch * k * t) / k for k in range(1, 6))
    return (0.2 * made * beat + 0.02 * rng.standard_normal(len(t))).astype(np.float32)


def write_sound(path, number, seconds=3.0):
    """Write a recording in the format of the extension, by whatever name."""
    form = {".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG", ".mp3": "MP3"}[path.suffix]
    with path.open("w+b") as file:
        soundfile.write(file, sound(number, seconds), RATE, format=form)
    return path


def write_broken(path, number):
    """Write a file that no decoder accepts."""
    kind = number % 3
    data = (b"", b"no sound", np.random.default_rng(number).bytes(5_000))[kind]
    path.write_bytes(data)
    return path


def agree(some, others):
    """Assert that two collections of rows are equal, up to rounding of probabilities."""
    some = {row.path: row for row in some}
    others = {row.path: row for row in others}
    assert some.keys() == others.keys()
    for path, row in some.items():
        same(asdict(row), asdict(others[path]), path)


def same(one, other, where):
    """Assert that values are equal, numbers nearly so."""
    if isinstance(one, dict):
        assert list(one) == list(other), where
        for key in one:
            same(one[key], other[key], f"{where} {key}")
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other), where
        for a, b in zip(one, other, strict=True):
            same(a, b, where)
    elif isinstance(one, float):
        assert abs(one - other) < 5e-4, (where, one, other)
    else:
        assert one == other, where


def environment(**further):
    """Variables with which workers have the faults of sitecustomize.py."""
    return commands.environment(FAULTS, **further)
