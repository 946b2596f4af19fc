"""The default output, with a ring buffer. It plays silence when the buffer is empty."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DeviceError
from ..mix import Mixer
from ..ring import Ring
from . import portaudio

_RING_SECONDS = 2.0
_LATENCY = 0.2  # s
_CLOSING = 2.0  # s to wait for a sound server that hangs
_RESERVE = 0.25  # s of silence in front, in case the writer is late


class Speaker:
    """Plays float32 samples. Raises DeviceError if no output supports the rate."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        module = portaudio.sounddevice()
        self._channels = channels if channels <= 2 else 1  # surround sound is mixed to mono
        self._mixer = Mixer()
        self._ring = Ring(int(_RING_SECONDS * sample_rate) * self._channels)
        self._reserve = np.zeros(int(_RESERVE * sample_rate) * self._channels, np.float32)
        try:
            with portaudio.opening():
                self._stream: Any = module.OutputStream(
                    samplerate=sample_rate,
                    channels=self._channels,
                    dtype="float32",
                    latency=_LATENCY,
                    callback=self._play,
                )
                portaudio.start(self._stream)
        except (module.PortAudioError, ValueError) as error:
            why = portaudio.explain(error)
            raise DeviceError(f"the audio cannot be played: {why}") from None

    def _play(self, block: NDArray[np.float32], frames: int, _: object, status: object) -> None:
        flat = block.reshape(-1)
        flat[self._ring.read(flat) :] = 0

    @property
    def idle(self) -> bool:
        """Whether all samples have been played."""
        return not len(self._ring)

    def write(self, samples: NDArray[np.float32]) -> None:
        """Queue float32 (n, channels); samples that do not fit are dropped."""
        if self.idle:  # at the start and after a pause
            self._ring.write(self._reserve)
        if samples.shape[1] != self._channels:
            samples = self._mixer.mix(samples)[0][:, None]
        self._ring.write(np.ascontiguousarray(samples).reshape(-1))

    def close(self) -> bool:
        """Stop. Returns False if the sound server hangs and a thread is left behind."""

        def stop() -> None:
            self._stream.close(ignore_errors=True)
            portaudio.closed()

        closing = threading.Thread(target=stop, name="streamgenre speaker", daemon=True)
        closing.start()
        closing.join(_CLOSING)
        return not closing.is_alive()
