"""Channels to mono, int16 or float32 to float32, with unusable samples made harmless."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import SignalError
from .jit import kernel

LARGEST_SAMPLE = 1e6
"""120 dB over full scale: beyond it a "sample" is damage, and its power would overflow."""
_MOST_CHANNELS = 64
_INT16_SCALE = np.float32(1 / 32768)
_FLOAT_SCALE = np.float32(1)


@kernel
def _mix(samples: NDArray[np.generic], scale: np.float32, out: NDArray[np.float32]) -> int:
    """Mean of the channels into `out`; gives how many samples were not finite or absurd."""
    frames, channels = samples.shape
    share = np.float32(1.0 / channels)
    unusable = 0
    for i in range(frames):
        total = np.float32(0.0)
        for c in range(channels):
            value = np.float32(samples[i, c]) * scale
            if abs(value) <= LARGEST_SAMPLE:  # false for NaN too
                total += value
            else:
                unusable += 1
        out[i] = total * share
    return unusable


def as_frames(samples: NDArray[np.generic], channels: int = 0) -> NDArray[np.generic]:
    """`samples` as (n, channels), float32 or int16, contiguous; float64 is made float32.

    `channels`: how many are known to be right, 0 where that is not known.

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
    frames, found = array.shape
    if found != channels and (found > _MOST_CHANNELS or 0 < frames <= 8 < found):
        raise SignalError(
            f"{found} channels in {frames} frames; at most {_MOST_CHANNELS} are taken "
            "(if these are (channels, n), pass samples.T)"
        )
    # Numba compiles anew for read-only or strided arrays: one kind goes in.
    return np.require(array, requirements=["C", "W"])


def mix_to_mono(samples: NDArray[np.generic]) -> tuple[NDArray[np.float32], int]:
    """Mono float32 (n,) of (n, channels) from `as_frames`, and the number of unusable samples.

    An unusable sample (not finite, or beyond LARGEST_SAMPLE) counts as 0.
    """
    out = np.empty(len(samples), np.float32)
    scale = _INT16_SCALE if samples.dtype == np.int16 else _FLOAT_SCALE
    return out, _mix(samples, scale, out)
