"""Keep a capture running: close it if it fails, and reopen its device.

The watchdog runs in its own thread. Only this thread calls PortAudio after the start, since a call
can take half a minute if a sound server hangs. A capture has failed if PortAudio reports it, if
there was no callback for two seconds, or if the sound server moved it to another source.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from ...errors import DeviceError
from . import portaudio
from .capture import Capture
from .devices import MONITOR, Device, choose, inputs
from .pulse import default_monitor, moved_away

_POLL = 0.1  # s between two checks
TIMEOUT = 2.0
"""Seconds without a callback after which a device counts as gone."""
_STARTING = 5.0  # s, the same before the first callback, since a sound card may wake up slowly
_STOPPED = 1.0  # s between two checks from which on the process must have been stopped
_MOVED = 1.0  # s between checks whether the sound server has moved the stream
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0  # s between attempts to open a device again
_SHOWN = 5.0  # s for which a failed switch is shown
_CLOSING = 3.0  # s to wait at the end for a system that hangs


class Watchdog:
    """Keeps `capture` running.

    Args:
        capture: a running capture.
        open_device: opens a device; raises DeviceError.
        patience: seconds to wait for a device that disappeared; None waits indefinitely.
        wanted: the requested input; "monitor" follows the default output.
    """

    def __init__(
        self,
        capture: Capture,
        open_device: Callable[[Device], Capture],
        patience: float | None,
        wanted: Device | int | str | None,
    ) -> None:
        self.capture: Capture | None = capture
        """The capture to read; None while its device is gone."""
        self.failure: DeviceError | None = None
        """The error with which the watchdog gave up, or None."""
        self._open, self._patience = open_device, patience
        self._follows = _follows(wanted)
        self._problem = self._refused = ""
        self._refused_until = 0.0
        self._next: Device | int | str | None = None
        self._moved: Capture | None = None  # the sound server moved it to another source
        self._checking: threading.Thread | None = None
        self._closing = False
        self._wake = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(capture,), name="streamgenre watchdog", daemon=True
        )
        self._thread.start()

    @property
    def note(self) -> str:
        """The current problem on one line, empty if there is none."""
        refused = self._refused if time.monotonic() < self._refused_until else ""
        return self._problem or refused

    def switch(self, device: Device | int | str) -> None:
        """Change to another device. If there is no such device, `note` reports it."""
        self._next = device
        self._wake.set()

    def leave(self) -> None:
        """Tell the thread to stop, without waiting."""
        self._closing = True
        self._wake.set()

    def close(self) -> bool:
        """Stop. Returns False if the system hangs and the thread is left behind."""
        self.leave()
        self._thread.join(_CLOSING)
        if self._checking is not None:
            self._checking.join(_POLL)
        return not self._thread.is_alive()

    def _run(self, capture: Capture) -> None:
        try:
            self._watch(capture)
        except Exception as error:  # otherwise the reader would wait indefinitely
            self.failure = DeviceError(f"listening failed: {type(error).__name__}: {error}")

    def _watch(self, capture: Capture) -> None:
        while True:
            self._wait_for_failure(capture)
            if not self._closing:
                self.capture = None
            capture.close()
            if self._closing:
                return
            reopened = self._reopen(capture.device)
            if reopened is None:
                return
            self.capture = capture = reopened

    def _wait_for_failure(self, capture: Capture) -> None:
        """Return when the capture fails, or when another device is requested."""
        frames, now = 0, time.monotonic()
        since = asked = now
        source = capture.device.source
        while not self._closing and self._next is None:
            self._wake.wait(_POLL)
            self._wake.clear()
            looked, now = now, time.monotonic()
            if now - looked > _STOPPED:
                since = now
            if capture.frames != frames:
                self._problem = ""
                frames, since = capture.frames, now
                if self._moved is capture:
                    return
                if source and now - asked > _MOVED:
                    asked = now
                    self._check_source(capture)
                continue
            silent = now - since > (TIMEOUT if frames else _STARTING)
            if not capture.active or (silent and not capture.device.sleeps):
                return

    def _check_source(self, capture: Capture) -> None:
        """Check in another thread, since the call may hang, whether the source is still right."""
        if self._checking is not None and self._checking.is_alive():
            return

        def check() -> None:
            source = capture.device.source
            if (self._follows and default_monitor() not in ("", source)) or moved_away(source):
                self._moved = capture

        self._checking = threading.Thread(
            target=check, name="streamgenre source check", daemon=True
        )
        self._checking.start()

    def _reopen(self, device: Device) -> Capture | None:
        """Open the device, or the one to switch to. Returns None after giving up."""
        began, pause = time.monotonic(), _FIRST_PAUSE
        while not self._closing:
            wanted, self._next = self._next, None
            try:
                portaudio.refresh()
                try:
                    if wanted is None:
                        return self._open(_current(MONITOR if self._follows else device))
                    opened = self._open(_current(wanted))
                    self._follows = _follows(wanted)
                    return opened
                except DeviceError as error:
                    if wanted is None:
                        raise
                    self._refused = str(error)
                    self._refused_until = time.monotonic() + _SHOWN
                    continue  # return to the previous device
            except DeviceError as error:
                away = time.monotonic() - began
                if self._patience is not None and away > self._patience:
                    self.failure = DeviceError(f"{error}; gave up after {away:.0f} s")
                    return None
                self._problem = f"{error}; next attempt in {pause:g} s"
            self._wake.wait(pause)
            self._wake.clear()
            pause = min(2 * pause, _LONGEST_PAUSE)
        return None


def _follows(wanted: Device | int | str | None) -> bool:
    """Whether the input is the monitor of the current default output."""
    return isinstance(wanted, str) and wanted.strip().lower() == MONITOR


def _current(wanted: Device | int | str) -> Device:
    """The device as it is listed now, possibly with another index. Raises DeviceError."""
    if not isinstance(wanted, Device):
        return choose(wanted)
    for other in inputs():
        if (other.name, other.host, other.source) == (wanted.name, wanted.host, wanted.source):
            return other
    raise DeviceError(f"input {wanted.name!r} is gone; is it connected?")
