"""What a live input gives: sound as it comes, and gaps where there was none to be had."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from .devices import Device


class Sound(NamedTuple):
    """Consecutive samples."""

    samples: NDArray[np.float32]  # (n, channels)
    sample_rate: float


class Gap(NamedTuple):
    """So much time passed unheard."""

    seconds: float


class LiveInput(Protocol):
    """Audio that comes in real time, whether it is read or not."""

    @property
    def name(self) -> str:
        """As people know it."""
        ...

    @property
    def note(self) -> str:
        """What there is to say of it now, in a line; empty while all is well."""
        ...

    @property
    def warnings(self) -> list[str]:
        """What was wrong with what could still be heard."""
        ...

    @property
    def sample_rate(self) -> float: ...
    @property
    def channels(self) -> int: ...

    @property
    def lost(self) -> bool:
        """Whether it is away and being looked for."""
        ...

    @property
    def ended(self) -> bool:
        """Whether nothing will come any more."""
        ...

    @property
    def latency(self) -> float:
        """Seconds from a sound at the device until it can be read."""
        ...

    @property
    def dropped(self) -> int:
        """Frames that nobody read in time, since the start."""
        ...

    @property
    def overflows(self) -> int:
        """Times that the system reported late or lost samples, since the start."""
        ...

    def read(self) -> list[Sound | Gap]:
        """What came since the last call, in order; does not wait.

        Raises StreamgenreError where it is lost for good.
        """
        ...

    def pause(self, paused: bool) -> None:
        """Stop or go on; a microphone's gap follows, a file waits."""
        ...

    def switch(self, device: Device | int | str) -> None:
        """Listen to another device from now on; `note` says so where there is none such."""
        ...

    def close(self) -> bool:
        """Stop; False where the system hangs and a thread had to be left behind."""
        ...
