"""Synthetic sounds to test, time and compare engines with: the same samples for the same seed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_PART = 2.0  # s


def tone(seconds: float, sample_rate: int, frequency: float = 440.0) -> NDArray[np.float32]:
    """A sine wave with an amplitude of 0.3: float32 (n,)."""
    t = np.arange(round(seconds * sample_rate)) / sample_rate
    return np.asarray(0.3 * np.sin(2 * np.pi * frequency * t), np.float32)


def synthetic_music(seconds: float, sample_rate: int, seed: int = 0) -> NDArray[np.float32]:
    """Chords, a beat and noise: float32 (n,) in [-1, 1]. Loads a network as music does."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * sample_rate)) / sample_rate
    signal = 0.02 * rng.standard_normal(len(t))
    for start in range(0, int(seconds) + 1, 2):
        root = 110 * 2 ** (rng.integers(0, 12) / 12)
        inside = (t >= start) & (t < start + 2)
        for ratio in (1, 1.25, 1.5, 2, 3):
            signal[inside] += 0.08 * np.sin(2 * np.pi * root * ratio * t[inside])
    signal += 0.3 * np.exp(-12 * (t % 0.5)) * np.sin(2 * np.pi * 60 * t)
    return np.asarray(np.clip(signal, -1, 1), np.float32)


def changing_sound(samples: int, sample_rate: int, seed: int = 0) -> NDArray[np.int16]:
    """Chords, beats, noise and silence in parts of 2 s, at levels up to full scale: int16 (n,)."""
    rng = np.random.default_rng(seed)
    length = round(_PART * sample_rate)
    parts = [_part(rng, length, sample_rate) for _ in range(-(-samples // length))]
    sound = np.concatenate(parts)[:samples]
    return np.asarray(np.rint(np.clip(sound, -1, 1) * 32767), np.int16)


def changing_sounds(count: int, samples: int, sample_rate: int, seed: int) -> NDArray[np.int16]:
    """`changing_sound` for `count` streams, each with its own seed: int16 (count, n)."""
    return np.stack([changing_sound(samples, sample_rate, seed + i) for i in range(count)])


def as_floats(sound: NDArray[np.int16]) -> NDArray[np.float32]:
    """16-bit samples as float32 in [-1, 1)."""
    return sound.astype(np.float32) / np.float32(32768)


def _part(rng: np.random.Generator, length: int, sample_rate: int) -> NDArray[np.float64]:
    """A chord with overtones, beats of noise and steady noise, each at a random level or absent."""
    time = np.arange(length) / sample_rate
    root = 55 * 2 ** rng.uniform(0, 3)
    chord = np.zeros(length)
    for ratio in (1, *rng.choice([1.2, 1.25, 1.5, 1.78, 2], 3)):
        for overtone in range(1, rng.integers(2, 9)):
            chord += np.sin(2 * np.pi * root * ratio * overtone * time) / overtone
    beats = np.exp(-((time * rng.uniform(1, 4)) % 1) * rng.uniform(4, 30))
    noise = rng.standard_normal(length)
    level = 10 ** rng.uniform(-3, 0)
    loud = rng.uniform(0, 1, 3) * rng.integers(0, 2, 3)
    return np.asarray(
        level * (0.2 * loud[0] * chord + 0.5 * loud[1] * beats * noise + 0.1 * loud[2] * noise)
    )
