"""An input device through PortAudio: its callback copies into the ring and counts, nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DeviceError
from .ring import Ring

_RING_SECONDS = 20.0
_POLL_SECONDS = 0.05
_LOST_SECONDS = 3.0  # without a callback: the device is gone

_INSTALL = "install it: apt install libportaudio2, dnf install portaudio, or brew install portaudio"


def _sounddevice() -> Any:
    try:
        import sounddevice
    except OSError:
        raise DeviceError(f"PortAudio is not installed; {_INSTALL}") from None
    return sounddevice


def inputs() -> list[str]:
    """Names of the devices that can be listened to; raises DeviceError without PortAudio."""
    devices = _sounddevice().query_devices()
    return [str(device["name"]) for device in devices if device["max_input_channels"] > 0]


class Microphone:
    """An opened input, at the device's own rate, all its channels up to two.

    Args: `device`: index, part of a name, or None for the default input.
    Raises DeviceError where there is none or it cannot be opened.
    """

    def __init__(self, device: int | str | None = None) -> None:
        sounddevice = _sounddevice()
        try:
            found = sounddevice.query_devices(device, "input")
            self.sample_rate = float(found["default_samplerate"])
            self.channels = min(2, int(found["max_input_channels"]))
            self.name = str(found["name"])
            self._ring = Ring(int(_RING_SECONDS * self.sample_rate) * self.channels)
            self._ring.write(np.zeros(0, np.float32))  # compiled here, not in the audio thread
            self.lost_frames = self._lost_told = 0
            self.overflows = 0  # times that PortAudio itself reported lost or late samples
            self._stream = sounddevice.InputStream(
                device=found["index"],
                samplerate=self.sample_rate,
                channels=self.channels,
                dtype="float32",
                callback=self._heard,
            )
        except (sounddevice.PortAudioError, ValueError) as error:
            raise self._failure(device, error) from None
        self._error: type[Exception] = sounddevice.PortAudioError

    @staticmethod
    def _failure(device: int | str | None, error: Exception) -> DeviceError:
        which = "default" if device is None else repr(device)
        return DeviceError(f"input {which}: {error}; `streamgenre doctor` says what there is")

    def _heard(self, block: NDArray[np.float32], frames: int, _: object, status: object) -> None:
        self.overflows += bool(status)
        flat = block.reshape(-1)
        self.lost_frames += (len(flat) - self._ring.write(flat)) // self.channels

    def __enter__(self) -> Microphone:
        try:
            self._stream.start()
        except self._error as error:
            self._stream.close(ignore_errors=True)
            raise self._failure(self.name, error) from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._stream.close(ignore_errors=True)

    def gap(self) -> float:
        """Seconds lost since this was last asked, because nobody read in time."""
        lost = self.lost_frames - self._lost_told
        self._lost_told += lost
        return lost / self.sample_rate

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """float32 (n, channels) as it comes in; raises DeviceError when the device falls silent."""
        quiet_since = time.monotonic()
        while True:
            waiting = len(self._ring) // self.channels * self.channels
            if waiting:
                quiet_since = time.monotonic()
                yield self._ring.read(waiting).reshape(-1, self.channels)
            elif time.monotonic() - quiet_since > _LOST_SECONDS or not self._stream.active:
                raise DeviceError(f"input {self.name!r} stopped giving samples; is it connected?")
            time.sleep(_POLL_SECONDS)
