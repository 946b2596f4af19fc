"""Record from an input into a ring buffer with PortAudio.

The callback only copies and counts samples. Everything else happens in the reading thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DeviceError
from . import portaudio
from .devices import Device
from .pulse import recording_from
from .ring import LiveRing

RING_SECONDS = 10.0
"""Maximum delay of the reader before samples are dropped."""
_LATENCY = 0.1  # s, requested from PortAudio: few wake-ups, and short compared with a hop
_OTHER_RATES = (48_000, 44_100, 96_000, 32_000, 192_000, 88_200, 24_000, 22_050, 16_000, 8_000)


class Capture:
    """Records from a device at its own rate until it is closed.

    Args:
        device: the device to open.
        channels: channels to read, counted from 1; empty selects the first two, or all channels of
            a source of a sound server.
        block: seconds per callback; None selects the default of the device.
        ring_seconds: maximum delay of the reader before samples are dropped.

    Raises DeviceError, with cause and remedy, if the device cannot be opened.
    """

    def __init__(
        self,
        device: Device,
        channels: Sequence[int] = (),
        block: float | None = None,
        ring_seconds: float = RING_SECONDS,
    ) -> None:
        if channels and not 1 <= min(channels) <= max(channels) <= device.separate_channels:
            mixed = "; the sound server mixes the channels; choose the device itself" * device.mixed
            raise DeviceError(
                f"input {device.name!r} has channels 1 to {device.separate_channels} to choose "
                f"from, not {', '.join(map(str, channels))}{mixed}"
            )
        self.device = device
        self.overflows = 0
        """Number of times that PortAudio reported late or lost samples."""
        # At least two, if there are two: a sound server would mix them to one.
        self._opened = max(min(2, device.channels), *channels, 0)
        if device.source and not channels:
            self._opened = device.channels  # all: any of them may carry the signal
        self._picked = [channel - 1 for channel in channels]
        self.channels = len(channels) or self._opened
        self._stream, self.sample_rate = self._open(block, ring_seconds)

    def _open(self, block: float | None, ring_seconds: float) -> tuple[Any, float]:
        """The running stream and its rate: the device's own, or the first that it accepts."""
        module = portaudio.sounddevice()
        own = self.device.sample_rate
        refused: Exception | None = None
        for rate in (own, *(other for other in _OTHER_RATES if other != own)):
            self._ring = LiveRing(int(ring_seconds * rate) * self._opened)
            try:
                with portaudio.opening(), recording_from(self.device.source, self.device.monitor):
                    stream = module.InputStream(
                        device=self.device.portaudio,
                        samplerate=rate,
                        channels=self._opened,
                        dtype="float32",
                        blocksize=0 if block is None else round(block * rate),
                        latency=_LATENCY,
                        callback=self._callback,
                    )
                    portaudio.start(stream)
                return stream, float(rate)
            except module.PortAudioError as error:
                refused = error
                if len(error.args) < 2 or error.args[1] != portaudio.INVALID_RATE:
                    break
        assert refused is not None
        why = portaudio.explain(refused)
        raise DeviceError(f"input {self.device.name!r} cannot be opened: {why}") from None

    def _callback(self, block: NDArray[np.float32], frames: int, _: object, status: object) -> None:
        """PortAudio's callback, in its own thread: must not wait, print or allocate."""
        if status:
            self.overflows += 1
        self._ring.write(block.reshape(-1))

    @property
    def frames(self) -> int:
        """Number of frames recorded so far."""
        return self._ring.written // self._opened

    @property
    def active(self) -> bool:
        """Whether PortAudio still runs the stream."""
        return bool(self._stream.active)

    @property
    def latency(self) -> float:
        """Seconds from a sound at the device to the callback, as reported by PortAudio."""
        return float(self._stream.latency)

    @property
    def waiting(self) -> float:
        """Seconds of unread samples."""
        return len(self._ring) / self._opened / self.sample_rate

    def read(self) -> tuple[int, NDArray[np.float32]]:
        """Frames dropped since the last read, and the unread frames: float32 (n, channels)."""
        most = round(self.sample_rate) * self._opened
        lost, samples = self._ring.read(most)
        block = samples.reshape(-1, self._opened)
        return lost // self._opened, block[:, self._picked] if self._picked else block

    def close(self) -> None:
        """Stop recording. If the sound server hangs, this waits for its time-out."""
        self._stream.close(ignore_errors=True)
        portaudio.closed()
