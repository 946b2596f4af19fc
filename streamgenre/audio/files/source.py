"""The interface of an audio source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from .byteio import COPY_AGAIN

BLOCK = 16_384
"""Frames read at a time, a few hundred milliseconds."""


_LONGEST = 1_000_000.0  # s, eleven days; a longer stated duration is a marker or damage


def plausible(stated: float) -> float | None:
    """The stated duration in seconds, or None if it is not plausible."""
    return stated if 0 < stated < _LONGEST else None


def cut_off(stated: float, read: float, allowed: float) -> str | None:
    """A warning if more than `allowed` of the stated audio is missing, else None. In seconds."""
    if stated - read <= allowed:
        return None
    claim = "an impossible length" if plausible(stated) is None else f"{stated:.1f} s"
    return f"truncated or damaged: the header states {claim}, but only {read:.1f} s were read"


def no_audio(warnings: Sequence[str]) -> str:
    """The error of a file without samples. `warnings`: those of its source."""
    because = f" ({'; '.join(warnings)})" if warnings else ""
    return f"contains no audio{because}; {COPY_AGAIN}"


class Gap(NamedTuple):
    """A time without sound."""

    seconds: float


class Source(Protocol):
    """Audio that is read once, from start to end."""

    name: str
    sample_rate: int
    channels: int
    stated_duration: float | None
    """Seconds according to the header. Only for a progress bar: it may be wrong."""
    warnings: list[str]
    """Problems in data that could still be read; filled while reading."""

    def blocks(self) -> Iterator[NDArray[np.float32] | Gap]:
        """float32 (n, channels), n up to about BLOCK; valid until the next block is requested.

        Internet radio has gaps where the connection was lost.
        """
        ...

    def close(self) -> None: ...


def sounds(source: Source) -> Iterator[NDArray[np.float32]]:
    """The blocks of a source without its gaps."""
    for block in source.blocks():
        if not isinstance(block, Gap):
            yield block
