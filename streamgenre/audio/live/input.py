"""The interface of a live input, which returns sound as it arrives, and gaps."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..files.source import Gap
from .devices import Device

__all__ = ["Gap", "LiveInput", "Sound"]


class Sound(NamedTuple):
    """Consecutive samples."""

    samples: NDArray[np.float32]  # (n, channels)
    sample_rate: float


class LiveInput(Protocol):
    """Audio that arrives in real time, whether it is read or not."""

    @property
    def name(self) -> str:
        """The name for display."""
        ...

    @property
    def note(self) -> str:
        """The current problem on one line, empty if there is none."""
        ...

    @property
    def warnings(self) -> list[str]:
        """Problems in audio that could still be read."""
        ...

    @property
    def sample_rate(self) -> float: ...
    @property
    def channels(self) -> int: ...

    @property
    def lost(self) -> bool:
        """Whether the device is gone and will be reopened when it returns."""
        ...

    @property
    def ended(self) -> bool:
        """Whether the input has ended."""
        ...

    @property
    def latency(self) -> float:
        """Seconds from a sound at the device until it can be read."""
        ...

    @property
    def dropped(self) -> int:
        """Number of frames dropped because they were not read in time."""
        ...

    @property
    def overflows(self) -> int:
        """Number of times that the system reported late or lost samples."""
        ...

    def read(self) -> list[Sound | Gap]:
        """Sound and gaps since the last call, in order. Does not block.

        Raises StreamgenreError if the input is permanently lost.
        """
        ...

    def pause(self, paused: bool) -> None:
        """Pause or resume. For a microphone, a pause is a gap; a file continues where it paused."""
        ...

    def switch(self, device: Device | int | str) -> None:
        """Change to another device. If there is no such device, `note` says so."""
        ...

    def close(self) -> bool:
        """Stop. Returns False if the system hangs and a thread is left behind."""
        ...
