"""Mix channels to mono: int16 or float32 to float32, with unusable samples set to 0."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import SignalError

LARGEST_SAMPLE = 1e6
"""120 dB over full scale. A larger "sample" is damage, and its power would overflow."""
_MOST_CHANNELS = 64
_INT16_SCALE = np.float32(1 / 32768)


def as_frames(samples: NDArray[np.generic], channels: int = 0) -> NDArray[np.generic]:
    """`samples` as (n, channels), float32 or int16; float64 becomes float32.

    `channels`: the known number of channels, 0 if it is not known.

    Raises SignalError for other types, more than two dimensions, and arrays that look like
    (channels, n).
    """
    array = np.asarray(samples)
    if array.dtype == np.float64:
        array = array.astype(np.float32)
    if array.dtype not in (np.float32, np.int16):
        raise SignalError(f"samples must be float32 or int16, not {array.dtype}")
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or array.shape[1] == 0:
        raise SignalError(f"samples must have shape (n,) or (n, channels), not {np.shape(samples)}")
    frames, count = array.shape
    if count != channels and (count > _MOST_CHANNELS or 0 < frames <= 8 < count):
        raise SignalError(
            f"{count} channels in {frames} frames; at most {_MOST_CHANNELS} are supported "
            "(if the shape is (channels, n), pass samples.T)"
        )
    return array


def mix_to_mono(samples: NDArray[np.generic]) -> tuple[NDArray[np.float32], int]:
    """Mono float32 (n,) of frames from `as_frames`, and the number of unusable samples.

    A sample that is not finite, or beyond LARGEST_SAMPLE, is unusable and counts as 0.
    """
    if samples.dtype == np.int16:
        return _mean(samples.astype(np.float32) * _INT16_SCALE), 0
    values = samples.astype(np.float32, copy=False)
    # The extremes show whether any sample is unusable; they are NaN if a sample is.
    if not len(values) or (values.min() >= -LARGEST_SAMPLE and values.max() <= LARGEST_SAMPLE):
        return _mean(values), 0
    bad = ~(np.abs(values) <= LARGEST_SAMPLE)
    return _mean(np.where(bad, np.float32(0), values)), int(bad.sum())


def _mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean over the channels: a new array (n,)."""
    total: NDArray[np.float32] = values[:, 0].copy()
    for channel in range(1, values.shape[1]):
        total += values[:, channel]
    total *= np.float32(1 / values.shape[1])
    return total
