"""The live display: what is heard, drawn, and steered with keys."""

from __future__ import annotations

import copy
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import rich.console

from ...audio.live.devices import Device, inputs
from ...errors import StreamgenreError
from ...files import whole
from ...output.timeline.json import write_timeline
from ...timeline import Timeline
from ...update import Update
from ..listener import Listener
from .band import RIBBON_SECONDS, Recent
from .keys import Keys
from .screen import Screen
from .view import Choice, View

_KEPT_SECONDS = 24 * 3600.0  # of updates that can be saved: some 20 MB
_GATES = 300  # updates in the picture of the gates
_TOLD = 5.0  # s for which a message stands
_LOOK = 0.03  # s between two looks at input and keys


class Show:
    """The display of one listener; `run` draws it until it ends or somebody quits."""

    def __init__(self, listener: Listener, console: rich.console.Console) -> None:
        self._listener, self._console = listener, console
        self._timeline = Timeline(listener.model.card, listener.hop, _KEPT_SECONDS)
        self._recent = Recent(RIBBON_SECONDS)
        self._gates: deque[Sequence[float]] = deque(maxlen=_GATES)
        self._update: Update | None = None
        self._message, self._told_until = "", 0.0
        self._devices: list[Device] = []  # while one of them is being chosen
        self._row, self._typed = 0, ""
        self._quit = False

    def run(self) -> None:
        """Draw until the input ends, a pipe's reader has gone, or `q` is pressed."""
        listener = self._listener
        with Keys() as keys, Screen(self._console) as screen:
            while not (self._quit or listener.ended or listener.reader_gone):
                for update in listener.poll():
                    self._take(update)
                for key in keys.read():
                    if not (self._choosing(key) or screen.key(key)):
                        self._steer(key)
                if screen.due():
                    screen.draw(self._view())
                time.sleep(_LOOK)

    def _take(self, update: Update) -> None:
        self._update = update
        self._timeline.append(update)
        self._recent.append(update)
        if update.gates:
            self._gates.append(update.gates)

    def _view(self) -> View:
        listener = self._listener
        told = self._message if time.monotonic() < self._told_until else ""
        return View(
            card=listener.model.card,
            activity=listener.activity,
            note=told or listener.note,
            update=self._update,
            probabilities=listener.probabilities,
            segments=self._recent.segments(),
            gates=tuple(self._gates),
            level=listener.level,
            health=listener.health,
            sinks=listener.problems,
            choices=[
                Choice(device.index, device.name, row == self._row)
                for row, device in enumerate(self._devices)
            ],
        )

    def _tell(self, message: str) -> None:
        self._message, self._told_until = message, time.monotonic() + _TOLD

    def _steer(self, key: str) -> None:
        match key.lower():
            case "q":
                self._quit = True
            case " ":
                self._listener.pause(not self._listener.paused)
            case "r":
                self._listener.reset_state()
                self._tell("the memory starts anew")
            case "s":
                self._save()
            case "d":
                self._list_devices()

    def _list_devices(self) -> None:
        """Ask for the inputs aside: a sound server that hangs would hold the display up."""

        def ask() -> None:
            try:
                found = inputs()
            except StreamgenreError as error:
                self._tell(str(error))
                return
            names = [device.name for device in found]
            with suppress(ValueError):
                self._row = names.index(self._listener.name)
            self._devices = found
            if not found:
                self._tell("there is no other input")

        self._row, self._typed = 0, ""
        threading.Thread(target=ask, name="streamgenre devices", daemon=True).start()

    def _choosing(self, key: str) -> bool:
        """Whether the key belongs to the list of devices."""
        devices = self._devices
        if not devices:
            return False
        if key in ("up", "k"):
            self._row = (self._row - 1) % len(devices)
        elif key in ("down", "j"):
            self._row = (self._row + 1) % len(devices)
        elif key in ("enter", " "):
            self._listener.switch(devices[self._row])
            self._devices = []
        elif key.isdecimal():
            self._typed += key
            indices = [str(device.index) for device in devices]
            if self._typed not in indices:
                self._typed = key
            if self._typed in indices:
                self._row = indices.index(self._typed)
        elif key in ("escape", "d"):
            self._devices = []
        else:
            return False
        return True

    def _save(self) -> None:
        """Write a copy aside: a day takes seconds, in which sound would be lost."""
        path = Path(f"streamgenre-{datetime.now():%Y%m%d-%H%M%S}.json").absolute()
        timeline, name = copy.deepcopy(self._timeline), self._listener.name

        def write() -> None:
            try:
                with whole(path) as file:
                    write_timeline(file, name, timeline)
            except OSError as error:
                self._tell(f"{path}: cannot be written: {error.strerror or error}")
            else:
                self._tell(f"saved: {path}")

        self._tell(f"saving: {path}")
        # No daemon: `q` waits until it is whole.
        threading.Thread(target=write, name="streamgenre save").start()
