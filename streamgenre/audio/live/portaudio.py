"""PortAudio through sounddevice: found or not, its device list made anew, its errors in a line."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...errors import DeviceError

_INSTALL = "install it: apt install libportaudio2, dnf install portaudio, or brew install portaudio"

INVALID_RATE = -9997  # paInvalidSampleRate
_REMEDIES = {
    INVALID_RATE: "it refuses this sample rate",
    -9985: "it is in use by another program; close that one, or choose another input",
    -9996: "it is gone; `streamgenre devices` lists what there is",
    -9998: "it has not that many channels; `streamgenre devices` says how many",
}


def sounddevice() -> Any:
    """The module sounddevice; raises DeviceError where PortAudio is not installed."""
    try:
        import sounddevice as module
    except OSError:
        raise DeviceError(f"PortAudio is not installed; {_INSTALL}") from None
    except Exception as error:  # PortAudioError, which cannot be imported here
        raise DeviceError(f"PortAudio does not start: {because(error)}") from None
    return module


def because(error: Exception) -> str:
    """Cause and remedy of a PortAudioError."""
    if len(error.args) < 2:
        return str(error)
    code = error.args[1]
    if len(error.args) > 2:  # (host API, its number, its words)
        words = error.args[2][2] or error.args[0]
        return f"{words}; is it connected, and is the sound server running?"
    return _REMEDIES.get(code, str(error.args[0]))


_lock = threading.Lock()
_open = 0


@contextmanager
def opening() -> Iterator[None]:
    """Around the making of a stream; `closed` must follow where it succeeded."""
    global _open
    with _lock:
        yield
        _open += 1


def start(stream: Any) -> None:
    """Start a stream made while `opening`; one that does not start is closed."""
    try:
        stream.start()
    except Exception:
        stream.close(ignore_errors=True)
        raise


def closed() -> None:
    """A stream that `opening` counted is no more."""
    global _open
    with _lock:
        _open -= 1


def refresh() -> None:
    """Look for devices anew, unless a stream of this process is open: it would be cut off.

    PortAudio's list is as it was when it was initialised; sounddevice has no public way to do
    that again.
    """
    module = sounddevice()
    with _lock:
        if _open:
            return
        try:
            if module._initialized:
                module._terminate()
            module._initialize()
        except module.PortAudioError as error:
            raise DeviceError(f"PortAudio does not start again: {because(error)}") from None


@contextmanager
def listing() -> Iterator[None]:
    """Around a look at the devices: the list must not be made anew meanwhile."""
    with _lock:
        yield
