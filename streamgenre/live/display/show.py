"""The live display: draws a listener, and handles keys."""

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

from ...audio.address import Recording
from ...audio.live.devices import Device, inputs
from ...errors import StreamgenreError
from ...files import text_replacement
from ...model.timeline import Timeline
from ...output.timeline import json
from ...update import Update
from ..listener import Listener
from .band import RIBBON_SECONDS, Recent
from .history import Probabilities
from .keys import Keys
from .screen import Screen
from .view import Choice, View

_KEPT_SECONDS = 24 * 3600.0  # s of updates that can be saved, about 20 MB
_GATES = 300  # updates shown in the gates
_SHOWN = 5.0  # s for which a message is shown
_POLL = 0.03  # s between two reads of input and keys


class Show:
    """The display of a listener; see `run`."""

    def __init__(self, listener: Listener, console: rich.console.Console) -> None:
        self._listener, self._console = listener, console
        self._timeline = Timeline(listener.model.card, listener.stream.hop, _KEPT_SECONDS)
        self._recent = Recent(RIBBON_SECONDS)
        self._history = Probabilities(listener.model.card.label_names, RIBBON_SECONDS)
        self._gates: deque[Sequence[float]] = deque(maxlen=_GATES)
        self._update: Update | None = None
        self._message, self._shown_until = "", 0.0
        self._devices: list[Device] = []  # while the user selects one
        self._row, self._typed = 0, ""
        self._quit = False

    def run(self) -> None:
        """Draw until the input ends, the reader of a pipe closes it, or `q` is pressed."""
        listener = self._listener
        with Keys() as keys, Screen(self._console) as screen:
            while not (self._quit or listener.ended or listener.reader_gone):
                for update in listener.poll():
                    self._take(update)
                for key in keys.read():
                    if not (self._choose(key) or screen.key(key)):
                        self._control(key)
                if screen.due():
                    screen.draw(self._view())
                time.sleep(_POLL)

    def _take(self, update: Update) -> None:
        self._update = update
        self._timeline.append(update)
        self._recent.append(update)
        self._history.append(update)
        if update.gates:
            self._gates.append(update.gates)

    def _view(self) -> View:
        listener = self._listener
        message = self._message if time.monotonic() < self._shown_until else ""
        return View(
            card=listener.model.card,
            activity=listener.activity,
            note=message or listener.source.note,
            update=self._update,
            probabilities=listener.stream.smoothed,
            segments=self._recent.segments(),
            gates=tuple(self._gates),
            history=self._history.array(),
            level=listener.levels.read(),
            health=listener.health,
            sinks=listener.problems,
            choices=[
                Choice(device.index, device.name, row == self._row)
                for row, device in enumerate(self._devices)
            ],
        )

    def _notify(self, message: str) -> None:
        self._message, self._shown_until = message, time.monotonic() + _SHOWN

    def _control(self, key: str) -> None:
        match key.lower():
            case "q":
                self._quit = True
            case " ":
                self._listener.pause(not self._listener.paused)
            case "r":
                self._listener.stream.reset_state()
                self._notify("state reset")
            case "s":
                self._save()
            case "d":
                self._list_devices()

    def _list_devices(self) -> None:
        """List the inputs in another thread, because a sound server may hang."""

        def query() -> None:
            try:
                devices = inputs()
            except StreamgenreError as error:
                self._notify(str(error))
                return
            names = [device.name for device in devices]
            with suppress(ValueError):
                self._row = names.index(self._listener.source.name)
            self._devices = devices
            if not devices:
                self._notify("no input device found")

        self._row, self._typed = 0, ""
        threading.Thread(target=query, name="streamgenre devices", daemon=True).start()

    def _choose(self, key: str) -> bool:
        """Handle a key of the list of inputs; returns whether it was handled."""
        devices = self._devices
        if not devices:
            return False
        if key in ("up", "k"):
            self._row = (self._row - 1) % len(devices)
        elif key in ("down", "j"):
            self._row = (self._row + 1) % len(devices)
        elif key in ("enter", " "):
            self._listener.source.switch(devices[self._row])
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
        """Save a copy in another thread, since saving a day takes seconds and would lose sound."""
        path = Path(f"streamgenre-{datetime.now():%Y%m%d-%H%M%S}.json").absolute()
        timeline, name = copy.deepcopy(self._timeline), self._listener.source.name

        def write() -> None:
            try:
                with text_replacement(path) as file:
                    json.write(file, Recording(name), timeline)
            except StreamgenreError as error:
                self._notify(str(error))
            else:
                self._notify(f"saved: {path}")

        self._notify(f"saving: {path}")
        # Not a daemon, so that `q` waits until the file is complete.
        threading.Thread(target=write, name="streamgenre save").start()
