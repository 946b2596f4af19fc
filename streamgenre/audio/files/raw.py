"""Samples without a header, as audio tools pipe them: interleaved, of either byte order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ...errors import ConfigError, InputError, reason
from .. import ENCODINGS
from .byteio import CHECK_DISK
from .source import BLOCK


@dataclass(frozen=True)
class RawFormat:
    """The format of raw samples. Raises ConfigError for invalid values."""

    encoding: str
    sample_rate: int
    channels: int = 1

    def __post_init__(self) -> None:
        if self.encoding not in ENCODINGS:
            raise ConfigError(f"encoding must be one of {', '.join(ENCODINGS)}")
        if self.channels < 1 or self.sample_rate < 1:
            raise ConfigError("sample rate and channels must be positive")

    @property
    def frame_bytes(self) -> int:
        """Bytes per frame: one sample of each channel."""
        return ENCODINGS[self.encoding] * self.channels

    def decode(self, data: bytes) -> NDArray[np.float32]:
        """Decode whole frames to float32 (n, channels)."""
        kind, size = self.encoding[0], ENCODINGS[self.encoding]
        order = "<" if self.encoding.endswith("le") else ">"
        if kind == "f":
            samples = np.frombuffer(data, f"{order}f4").astype(np.float32)
        elif size == 3:
            padded = np.zeros((len(data) // 3, 4), np.uint8)
            whole = padded[:, 1:] if order == "<" else padded[:, :3]  # the upper three bytes
            whole[:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
            samples = padded.view(f"{order}i4")[:, 0].astype(np.float32) / np.float32(2**31)
        else:
            samples = np.frombuffer(data, f"{order}i{size}").astype(np.float32)
            samples /= np.float32(2 ** (8 * size - 1))
        return samples.reshape(-1, self.channels)


class RawSource:
    """A Source of raw samples from a binary file object."""

    def __init__(self, file: BinaryIO, form: RawFormat, name: str, owned: bool = False) -> None:
        self._file, self._form, self._owned = file, form, owned
        self.name = name
        self.sample_rate, self.channels = form.sample_rate, form.channels
        self.stated_duration: float | None = None
        self.warnings: list[str] = []

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield float32 (n, channels) as soon as bytes arrive."""
        size = self._form.frame_bytes
        # read1 returns what is there: a slow pipe is decoded at once, not when a block is full.
        read = getattr(self._file, "read1", self._file.read)
        rest = b""
        while data := self._next(read, BLOCK * size):
            data = rest + data
            whole = len(data) - len(data) % size
            rest = data[whole:]
            if whole:
                yield self._form.decode(data[:whole])
        if rest:
            self.warnings.append(f"{len(rest)} bytes of an incomplete last frame dropped")

    def _next(self, read: Callable[[int], bytes], size: int) -> bytes:
        try:
            return read(size)
        except (OSError, ValueError) as error:
            raise InputError(
                f"{self.name}: cannot be read: {reason(error)}; {CHECK_DISK}"
            ) from None

    def close(self) -> None:
        if self._owned:
            self._file.close()
