"""What a source of audio is to the rest of the package."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

BLOCK = 16_384
"""Frames read at a time: some hundred milliseconds, far below a window's memory."""


def is_url(name: str) -> bool:
    """Whether a name is an internet stream rather than a file."""
    return name.lower().startswith(("http://", "https://"))


_LONGEST = 1_000_000.0  # s, eleven days: beyond it is no length but a marker or damage


def believable(stated: float) -> float | None:
    """A header's duration in seconds, None where it cannot be one."""
    return stated if 0 < stated < _LONGEST else None


def cut_off(stated: float, heard: float) -> str | None:
    """The warning for so many seconds stated and heard; None where they agree well enough."""
    if stated - heard <= max(1.0, 0.02 * heard):
        return None
    claim = "an impossible length" if believable(stated) is None else f"{stated:.1f} s"
    return f"cut off or damaged: the header states {claim}, {heard:.1f} s are there"


class Source(Protocol):
    """Audio that is read once, from its start to its end."""

    name: str
    sample_rate: int
    channels: int
    stated_duration: float | None
    """Seconds according to the header: for a progress bar only, it may be a lie."""
    warnings: list[str]
    """Filled while reading: what was wrong with data that could still be read."""

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """float32 (n, channels), n up to about BLOCK; valid until the next block is asked for."""
        ...

    def close(self) -> None: ...
