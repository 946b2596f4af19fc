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


def syllables(seconds: float, sample_rate: int, seed: int = 0) -> NDArray[np.float32]:
    """Speech-like sound: float32 (n,) in [-1, 1].

    Pulses with a falling pitch pass through three formants, a source-filter model. Syllables of
    0.15 to 0.3 s start with noise, and pauses separate groups of them.
    """
    rng = np.random.default_rng(seed)
    signal = np.zeros(round(seconds * sample_rate))
    at = 0
    while at < len(signal):
        if rng.random() < 0.15:
            at += round(rng.uniform(0.2, 0.6) * sample_rate)
            continue
        voiced = _vowel(rng, round(rng.uniform(0.15, 0.3) * sample_rate), sample_rate)
        part = signal[at : at + len(voiced)]
        part += voiced[: len(part)]
        at += len(voiced)
    return np.asarray(0.5 * signal / max(1e-9, np.abs(signal).max()), np.float32)


def _vowel(rng: np.random.Generator, length: int, sample_rate: int) -> NDArray[np.float64]:
    """One syllable: harmonics of a falling pitch, weighted by formants, after a short noise."""
    time = np.arange(length) / sample_rate
    pitch = rng.uniform(100, 200)
    phase = 2 * np.pi * np.cumsum(pitch * (1 - 0.5 * time)) / sample_rate
    formants = rng.uniform((300, 900, 2_300), (800, 2_200, 3_000))
    vowel = np.zeros(length)
    for harmonic in range(1, int(4_000 / pitch)):
        distance = (harmonic * pitch - formants) / np.array([80, 100, 150])
        vowel += np.sum(1 / (1 + distance**2)) / harmonic**0.5 * np.sin(harmonic * phase)
    consonant = rng.standard_normal(length) * np.exp(-time / 0.02)
    shape = np.sin(np.pi * np.arange(length) / length) ** 0.5
    return np.asarray(shape * vowel + rng.uniform(0, 0.5) * consonant)


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
