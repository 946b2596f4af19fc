"""PortAudio through sounddevice: import, device list and error messages."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...errors import DeviceError

_INSTALL = "install it: apt install libportaudio2, dnf install portaudio, or brew install portaudio"

INVALID_RATE = -9997  # paInvalidSampleRate
_REMEDIES = {
    INVALID_RATE: "it does not support this sample rate",
    -9985: "it is in use by another program; close that one, or choose another input",
    -9996: "it is gone; `streamgenre devices` lists the inputs",
    -9998: "it does not have that many channels; see `streamgenre devices`",
}


def sounddevice() -> Any:
    """The module sounddevice; raises DeviceError if PortAudio is not installed."""
    try:
        import sounddevice as module
    except OSError:
        raise DeviceError(f"PortAudio is not installed; {_INSTALL}") from None
    except Exception as error:  # PortAudioError, which is not importable here
        raise DeviceError(f"PortAudio cannot be started: {explain(error)}") from None
    return module


def explain(error: Exception) -> str:
    """Cause and remedy of a PortAudioError."""
    if len(error.args) < 2:
        return str(error)
    code = error.args[1]
    if len(error.args) > 2:  # (host API, its error number, its message)
        message = error.args[2][2] or error.args[0]
        return f"{message}; is it connected, and is the sound server running?"
    return _REMEDIES.get(code, str(error.args[0]))


_lock = threading.Lock()
_open = 0


@contextmanager
def opening() -> Iterator[None]:
    """Context for opening a stream. If it succeeds, `closed` must be called later."""
    global _open
    with _lock:
        yield
        _open += 1


def start(stream: Any) -> None:
    """Start a stream opened within `opening`, or close it on failure."""
    try:
        stream.start()
    except Exception:
        stream.close(ignore_errors=True)
        raise


def closed() -> None:
    """Count a stream of `opening` as closed."""
    global _open
    with _lock:
        _open -= 1


def refresh() -> None:
    """Update the device list, unless this process has an open stream, which would end.

    PortAudio lists devices when it is initialised, and sounddevice has no public function for that.
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
            raise DeviceError(f"PortAudio cannot be restarted: {explain(error)}") from None


@contextmanager
def listing() -> Iterator[None]:
    """Context for reading the device list, which prevents an update meanwhile."""
    with _lock:
        yield
