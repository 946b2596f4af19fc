"""Augmented tracks: copies of the training tracks at another pitch or tempo.

The 1-D residual network of Allamy & Koerich (2021) is reported to benefit from artificial audio,
but the paper does not say how it is made. The usual changes are used here (McFee, Humphrey, Bello,
"A Software Framework for Musical Data Augmentation", ISMIR 2015): one or two semitones up or down,
10 % faster or slower. The phase vocoder of librosa takes 0.1 s for a clip of 30 s. Only training
tracks may be augmented.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..data import SAMPLE_RATE

_FULL_SCALE = 2**15


class Change(NamedTuple):
    """Pitch shift in semitones, and tempo as a factor: 1.1 is 10 % faster."""

    semitones: float = 0.0
    tempo: float = 1.0


CHANGES = (Change(-2), Change(-1), Change(1), Change(2), Change(tempo=0.9), Change(tempo=1.1))


def changed(samples: np.ndarray, change: Change) -> np.ndarray:
    """Return a changed copy of samples at 16 kHz: int16 (n,) -> int16 (n / tempo,), clipped.

    Raises ValueError unless the samples are int16 with one channel.
    """
    import librosa

    if samples.dtype != np.int16 or samples.ndim != 1:
        raise ValueError(f"samples are int16 (n,), not {samples.dtype} {samples.shape}")
    copy = samples.astype(np.float32) / _FULL_SCALE
    if change.semitones:
        copy = librosa.effects.pitch_shift(copy, sr=SAMPLE_RATE, n_steps=change.semitones)
    if change.tempo != 1:
        copy = librosa.effects.time_stretch(copy, rate=change.tempo)
    return np.clip(np.round(copy * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)


def copies(samples: np.ndarray, seed: int, count: int) -> list[np.ndarray]:
    """Return `count` copies of samples int16 (n,) at 16 kHz, with different `CHANGES`.

    Deterministic by seed. Raises ValueError if there are fewer changes than `count`.
    """
    if not 0 <= count <= len(CHANGES):
        raise ValueError(f"count is {len(CHANGES)} at most, not {count}")
    chosen = np.random.default_rng(seed).permutation(len(CHANGES))[:count]
    return [changed(samples, CHANGES[i]) for i in chosen]
