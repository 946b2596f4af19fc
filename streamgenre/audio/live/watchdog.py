"""Sees to it that a capture runs: closes one that is dead, and opens its device again.

In a thread of its own, the only one that calls PortAudio once listening goes on: with a sound
server that hangs, a call can take half a minute. A capture is dead when PortAudio says so, when no
callback came for two seconds, or when the sound server has moved it to another source.
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

_LOOK = 0.1  # s between two looks
SILENT = 2.0
"""Seconds without a callback after which a device is gone."""
_STARTING = 5.0  # the same, before the first callback: a sleeping sound card wakes up slowly
_STOPPED = 1.0  # s between two looks: this process was stopped, and so was the capture
_MOVED = 1.0  # s between asking the sound server whether it has moved us elsewhere
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0  # s between tries to find a device again
_SHOWN = 5.0  # s for which a refused switch is told
_CLOSING = 3.0  # s that a hung system may hold up the end


class Watchdog:
    """Keeps `capture` running.

    Args:
        capture: one that runs.
        opened: opens a device; raises DeviceError.
        patience: seconds to look for a device that went away, None for ever.
        wanted: what was asked for; "monitor" follows the default output.
    """

    def __init__(
        self,
        capture: Capture,
        opened: Callable[[Device], Capture],
        patience: float | None,
        wanted: Device | int | str | None,
    ) -> None:
        self.capture: Capture | None = capture
        """The one to read, None while its device is away."""
        self.failure: DeviceError | None = None
        """Why there will never be one again."""
        self._opened, self._patience = opened, patience
        self._follows = _follows(wanted)
        self._problem = self._refused = ""
        self._refused_until = 0.0
        self._next: Device | int | str | None = None
        self._moved: Capture | None = None  # it was found to hear another source
        self._asking: threading.Thread | None = None
        self._closing = False
        self._wake = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(capture,), name="streamgenre watchdog", daemon=True
        )
        self._thread.start()

    @property
    def note(self) -> str:
        """What there is to say, in a line; empty while all is well."""
        refused = self._refused if time.monotonic() < self._refused_until else ""
        return self._problem or refused

    def switch(self, device: Device | int | str) -> None:
        """Go over to another device; `note` says so where there is none such."""
        self._next = device
        self._wake.set()

    def leave(self) -> None:
        """Stop them soon, without waiting for it."""
        self._closing = True
        self._wake.set()

    def close(self) -> bool:
        """Stop the capture and the thread; False where the system hangs and it is left behind."""
        self.leave()
        self._thread.join(_CLOSING)
        if self._asking is not None:
            self._asking.join(_LOOK)
        return not self._thread.is_alive()

    def _run(self, capture: Capture) -> None:
        try:
            self._watch(capture)
        except Exception as error:  # told to the reader, who would wait for ever
            self.failure = DeviceError(f"listening broke off: {type(error).__name__}: {error}")

    def _watch(self, capture: Capture) -> None:
        while True:
            self._until_dead(capture)
            if not self._closing:
                self.capture = None
            capture.close()
            if self._closing:
                return
            found = self._found_again(capture.device)
            if found is None:
                return
            self.capture = capture = found

    def _until_dead(self, capture: Capture) -> None:
        """Returns when it gives no more samples, or is not to be listened to any more."""
        frames, now = 0, time.monotonic()
        since = asked = now
        source = capture.device.source
        while not self._closing and self._next is None:
            self._wake.wait(_LOOK)
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
                    self._ask_where(capture)
                continue
            silent = now - since > (SILENT if frames else _STARTING)
            if not capture.active or (silent and not capture.device.sleeps):
                return

    def _ask_where(self, capture: Capture) -> None:
        """See aside whether it still hears what it should: a server that hangs would hang us."""
        if self._asking is not None and self._asking.is_alive():
            return

        def ask() -> None:
            source = capture.device.source
            if (self._follows and default_monitor() not in ("", source)) or moved_away(source):
                self._moved = capture

        self._asking = threading.Thread(target=ask, name="streamgenre whereabouts", daemon=True)
        self._asking.start()

    def _found_again(self, device: Device) -> Capture | None:
        """The device opened again, or the one switched to; None when that is given up."""
        began, pause = time.monotonic(), _FIRST_PAUSE
        while not self._closing:
            wanted, self._next = self._next, None
            try:
                portaudio.refresh()
                try:
                    if wanted is None:
                        return self._opened(_chosen(MONITOR if self._follows else device))
                    found = self._opened(_chosen(wanted))
                    self._follows = _follows(wanted)
                    return found
                except DeviceError as error:
                    if wanted is None:
                        raise
                    self._refused = str(error)
                    self._refused_until = time.monotonic() + _SHOWN
                    continue  # back to the one before
            except DeviceError as error:
                away = time.monotonic() - began
                if self._patience is not None and away > self._patience:
                    self.failure = DeviceError(f"{error}; given up after {away:.0f} s")
                    return None
                self._problem = f"{error}; trying again in {pause:g} s"
            self._wake.wait(pause)
            self._wake.clear()
            pause = min(2 * pause, _LONGEST_PAUSE)
        return None


def _follows(wanted: Device | int | str | None) -> bool:
    """Whether that is what the default output plays, whichever output that is."""
    return isinstance(wanted, str) and wanted.strip().lower() == MONITOR


def _chosen(wanted: Device | int | str) -> Device:
    """The device as it is listed now, its index may be another; raises DeviceError."""
    if not isinstance(wanted, Device):
        return choose(wanted)
    for other in inputs():
        if (other.name, other.host, other.source) == (wanted.name, wanted.host, wanted.source):
            return other
    raise DeviceError(f"input {wanted.name!r} is gone; is it connected?")
