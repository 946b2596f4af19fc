"""Artificial tracks: copies of the training tracks at another pitch or tempo.

The 1-D residual network of Allamy & Koerich (2021) is said to gain from artificial audio, of
which kind is not; these changes are usual (McFee, Humphrey, Bello, "A Software Framework for
Musical Data Augmentation", ISMIR 2015): one or two semitones up or down, a tenth faster or slower.
librosa's phase vocoder makes them, 0.1 s for a clip of 30 s. For training tracks only: a copy of a
track that is tested on would tell.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..data import SAMPLE_RATE

_FULL_SCALE = 2**15


class Change(NamedTuple):
    """Semitones up, and tempo as a multiple: 1.1 is a tenth shorter to hear."""

    semitones: float = 0.0
    tempo: float = 1.0


CHANGES = (Change(-2), Change(-1), Change(1), Change(2), Change(tempo=0.9), Change(tempo=1.1))


def changed(samples: np.ndarray, change: Change) -> np.ndarray:
    """A copy int16 of samples int16 (n,) at 16 kHz, (n / tempo,), clipped where it gets too loud.

    ValueError unless the samples are int16 of one channel.
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
    """`count` copies int16 of samples int16 (n,) at 16 kHz, each with another of `CHANGES`.

    The same for the same seed. ValueError where there are fewer changes than that.
    """
    if not 0 <= count <= len(CHANGES):
        raise ValueError(f"count is {len(CHANGES)} at most, not {count}")
    chosen = np.random.default_rng(seed).permutation(len(CHANGES))[:count]
    return [changed(samples, CHANGES[i]) for i in chosen]
