"""The default output, fed through a ring: its callback takes what is there, silence where not."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DeviceError
from ..mix import mix_to_mono
from ..ring import Ring
from . import portaudio

_RING_SECONDS = 2.0
_LATENCY = 0.2  # s
_CLOSING = 2.0  # s that a sound server may take
_RESERVE = 0.25  # s that the writer may be late


class Speaker:
    """Plays float32 at that rate; raises DeviceError where there is no output that takes it."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        module = portaudio.sounddevice()
        self._channels = channels if channels <= 2 else 1  # of a film's six only the mixture
        self._ring = Ring(int(_RING_SECONDS * sample_rate) * self._channels)
        self._reserve = np.zeros(int(_RESERVE * sample_rate) * self._channels, np.float32)
        self._ring.read(np.zeros(0, np.float32))  # compiled here, not in the audio thread
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
            why = portaudio.because(error)
            raise DeviceError(f"it cannot be played here: {why}") from None

    def _play(self, block: NDArray[np.float32], frames: int, _: object, status: object) -> None:
        flat = block.reshape(-1)
        flat[self._ring.read(flat) :] = 0

    @property
    def silent(self) -> bool:
        """Whether all that was written has been played."""
        return not len(self._ring)

    def write(self, samples: NDArray[np.float32]) -> None:
        """Play float32 (n, channels) next; what there is no room for is left out."""
        if self.silent:  # at the start, and after a pause: a reserve against what comes late
            self._ring.write(self._reserve)
        if samples.shape[1] != self._channels:
            samples = mix_to_mono(samples)[0][:, None]
        self._ring.write(np.ascontiguousarray(samples).reshape(-1))

    def close(self) -> bool:
        """Stop; False where the sound server hangs, and a thread was left behind with it."""

        def stop() -> None:
            self._stream.close(ignore_errors=True)
            portaudio.closed()

        closing = threading.Thread(target=stop, name="streamgenre speaker", daemon=True)
        closing.start()
        closing.join(_CLOSING)
        return not closing.is_alive()
