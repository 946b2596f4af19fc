"""Mix channels to mono: int16 or float32 to float32, with unusable samples set to 0."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import SignalError

LARGEST_SAMPLE = 1e6
"""120 dB over full scale. Larger samples are damaged, and their power would overflow."""
BLOCK = 4_096
"""Frames over which the channels are compared, about a tenth of a second."""
_MEMORY = 0.9  # decay per block, a time constant of one second at 44.1 kHz
_CANCEL, _NO_LONGER = 0.3, 0.5  # ratio of powers after and before mixing; wide stereo: 0.4 to 2
_OVER_SCALE = 10.0  # 20 dB over full scale, which only unscaled integers reach
_MOST_CHANNELS = 64
_INT16_SCALE = np.float32(1 / 32768)


def as_array(samples: object) -> NDArray[np.generic]:
    """The samples as an array. Raises SignalError for unsupported types."""
    if isinstance(samples, (bytes, bytearray, memoryview)):
        raise SignalError(
            "bytes are not samples; pass numpy.frombuffer(data, numpy.int16), reshaped to "
            "(n, channels)"
        )
    if samples is None or isinstance(samples, str):
        raise SignalError(f"{samples!r} is not an array of samples, float32 or int16")
    try:
        return np.asarray(samples)
    except ValueError:  # rows of different lengths
        raise SignalError("samples must have shape (n,) or (n, channels)") from None


def as_frames(samples: NDArray[np.generic], channels: int = 0) -> NDArray[np.generic]:
    """`samples` as (n, channels), float32 or int16; float64 becomes float32.

    `channels`: the known number of channels, 0 if it is not known.

    Raises SignalError for other types, more than two dimensions, and arrays that look like
    (channels, n).
    """
    array = as_array(samples)
    if array.dtype == np.float64:
        with np.errstate(over="ignore"):  # becomes infinite, and is replaced later
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


class Mixer:
    """Mixes the channels of one source, and preserves music whose channels cancel each other.

    The mix is the mean of the channels. While they cancel, as with a balanced line or an inverted
    stereo channel, the sign of the inverted channels is flipped. The decision is based on the
    covariance of the channels over fixed blocks of BLOCK frames and applies from the next frame, so
    that the output does not depend on the division into chunks.

    Raises SignalError if most samples are far over full scale.
    """

    def __init__(self) -> None:
        self.frames = 0
        """Frames mixed so far."""
        self.cancelled = 0
        """Frames with flipped channels."""
        self._sounding = self._over = 0  # blocks with sound, and those over full scale
        self._largest = 0.0
        self.restart()

    def restart(self) -> None:
        """Prepare for another number of channels. The counters are kept."""
        self._block = np.zeros((0, 0), np.float32)
        self._filled = 0
        self._sounds, self._over_scale = False, 0  # in the present block
        self._covariance: NDArray[np.float64] | None = None  # of the latest blocks
        self._signs: NDArray[np.float32] | None = None  # of the channels while they cancel

    def mix(self, samples: NDArray[np.generic]) -> tuple[NDArray[np.float32], int]:
        """Mono float32 (n,) of frames from `as_frames`, and the number of unusable samples.

        A sample that is not finite, or beyond LARGEST_SAMPLE, is unusable and counts as 0.
        """
        count, channels = samples.shape
        self.frames += count
        if self._block.shape != (BLOCK, channels):
            self._block = np.zeros((BLOCK, channels), np.float32)
        mono = np.empty(count, np.float32)
        unusable = at = 0
        while at < count:
            part = samples[at : at + BLOCK - self._filled]
            if part.dtype == np.int16:
                values = part.astype(np.float32) * _INT16_SCALE
            else:
                values = part.astype(np.float32, copy=False)
                values, bad = self._checked(values)
                unusable += bad
            end = at + len(part)
            mono[at:end] = _mean(values, self._signs)
            self.cancelled += 0 if self._signs is None else len(part)
            if channels > 1:
                self._block[self._filled : self._filled + len(part)] = values
            self._filled += len(part)
            at = end
            if self._filled == BLOCK:
                self._filled = 0
                self._check_scale(BLOCK)
                if channels > 1:
                    self._decide_signs(self._block)
        return mono, unusable

    def finish(self) -> None:
        """Check the scale of a source that is shorter than a block."""
        self._check_scale(self._filled)

    def _checked(self, values: NDArray[np.float32]) -> tuple[NDArray[np.float32], int]:
        """The values with unusable ones set to 0, and their number; counts those over scale."""
        # The extremes show whether there are any; they are NaN if a sample is.
        low, high = values.min(), values.max()
        self._sounds = self._sounds or bool(low != 0 or high != 0)
        if low >= -_OVER_SCALE and high <= _OVER_SCALE:
            return values, 0
        magnitude = np.abs(values)
        over = (magnitude > _OVER_SCALE) & np.isfinite(magnitude)
        self._over_scale += int(over.sum())
        self._largest = max(self._largest, float(magnitude.max(where=over, initial=0.0)))
        bad = ~(magnitude <= LARGEST_SAMPLE)
        return np.where(bad, np.float32(0), values), int(bad.sum())

    def _check_scale(self, frames: int) -> None:
        """Raise SignalError if most samples are over full scale in most blocks with sound."""
        self._sounding += self._sounds
        self._over += 2 * self._over_scale > frames * self._block.shape[1]
        self._sounds, self._over_scale = False, 0
        if 2 * self._over > self._sounding:
            raise SignalError(
                f"most samples are far over full scale, up to {self._largest:.3g}: float samples "
                "must be in [-1, 1]; divide them by the full scale of their integers (32768 for "
                "16 bits), or pass int16"
            )

    def _decide_signs(self, block: NDArray[np.float32]) -> None:
        """Decide which channels to flip from now on."""
        planar = np.ascontiguousarray(block.T)
        # A matrix product would use BLAS, which wakes all cores.
        latest = np.einsum("ik,jk->ij", planar, planar).astype(np.float64)
        before = 0.0 if self._covariance is None else self._covariance * _MEMORY
        covariance = self._covariance = latest + before
        powers = covariance.diagonal()
        if not (total := float(powers.sum())) > 0:
            return
        # 1 for uncorrelated channels, the number of channels for equal ones.
        kept = float(covariance.sum()) / total
        if self._signs is None and kept < _CANCEL:
            loudest = covariance[int(powers.argmax())]
            self._signs = np.where(loudest < 0, np.float32(-1), np.float32(1))
        elif kept > _NO_LONGER:
            self._signs = None


def mix_to_mono(samples: NDArray[np.generic]) -> tuple[NDArray[np.float32], int]:
    """`Mixer.mix` for a complete recording."""
    return Mixer().mix(samples)


def _mean(values: NDArray[np.float32], signs: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """Mean over the channels times their signs, as a new array (n,)."""
    if signs is not None:
        values = values * signs
    total: NDArray[np.float32] = values[:, 0].copy()
    for channel in range(1, values.shape[1]):
        total += values[:, channel]
    total *= np.float32(1 / values.shape[1])
    return total
