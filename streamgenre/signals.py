"""Sound to compare engines on: chords, drums, noise and silence that change, the same each time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_PART = 2.0  # s


def changing_sound(samples: int, rate: int, seed: int = 0) -> NDArray[np.int16]:
    """So many samples (n,), of all levels between silence and full scale."""
    rng = np.random.default_rng(seed)
    length = round(_PART * rate)
    parts = [_part(rng, length, rate) for _ in range(-(-samples // length))]
    sound = np.concatenate(parts)[:samples]
    return np.asarray(np.rint(np.clip(sound, -1, 1) * 32767), np.int16)


def changing_sounds(count: int, samples: int, rate: int, seed: int) -> NDArray[np.int16]:
    """One for each of `count` streams (count, n)."""
    return np.stack([changing_sound(samples, rate, seed + i) for i in range(count)])


def as_floats(sound: NDArray[np.int16]) -> NDArray[np.float32]:
    """What a step is given, in -1 to 1."""
    return sound.astype(np.float32) / np.float32(32768)


def _part(rng: np.random.Generator, length: int, rate: int) -> NDArray[np.float64]:
    """A chord of overtones, beats of noise and a floor of noise, each loud, soft or not there."""
    time = np.arange(length) / rate
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
