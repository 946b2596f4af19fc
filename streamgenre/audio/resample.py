"""Sample-rate conversion of an endless mono stream, with the SoX resampler library."""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray

from ..errors import SignalError

_LOWEST, _HIGHEST = 1_000, 1_536_000


class Resampler:
    """Converts mono float32 from one rate to another; the output does not depend on block sizes."""

    def __init__(self, source_rate: float, target_rate: int) -> None:
        if (
            not isinstance(source_rate, (int, float, np.integer, np.floating))
            or not _LOWEST <= source_rate <= _HIGHEST
        ):
            raise SignalError(
                f"sample rate must be {_LOWEST} to {_HIGHEST} Hz, not {source_rate!r}; convert the "
                "audio to such a rate"
            )
        self._ratio = target_rate / source_rate
        self._stream = (
            None
            if source_rate == target_rate
            else soxr.ResampleStream(source_rate, target_rate, 1, dtype="float32", quality="HQ")
        )
        self._taken = self._given = 0

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """The output that is ready after these samples, possibly none."""
        self._taken += len(samples)
        if self._stream is not None and len(samples):
            samples = self._stream.resample_chunk(samples)
        self._given += len(samples)
        return samples

    def finish(self) -> NDArray[np.float32]:
        """The remaining output, so that output and input have the same duration."""
        if self._stream is None:
            return np.zeros(0, np.float32)
        rest = self._stream.resample_chunk(np.zeros(0, np.float32), last=True)
        whole = max(round(self._taken * self._ratio), min(1, self._taken))  # at least one sample
        missing = max(0, whole - self._given)
        return np.pad(rest[:missing], (0, max(0, missing - len(rest))))
