"""Running a command whenever the decision changes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import datetime

from ...errors import StreamgenreError, one_line
from ...model.card import ModelCard
from ...update import Update
from .background import Worker

LONGEST_SECONDS = 30.0
"""A command that runs for longer is killed, with all that it started."""

_LAST_SECONDS = 0.5  # for the command that still runs at the end


class OnChange:
    """A Sink: a shell command for each change of status or genre, told of it by its environment.

    STREAMGENRE_STATUS, _GENRE (empty for none), _DISPLAY (the genre as people read it), _TOP,
    _CONFIDENCE (0.83), _TIME (s), _COLOUR (#rrggbb or empty) and _PREVIOUS (the genre or status
    of the run before). One runs at a time; of the changes meanwhile the last one counts. What it
    prints is thrown away, for a live display has the terminal: it can write to files itself.
    """

    def __init__(self, command: str, card: ModelCard) -> None:
        if not command.strip():
            raise StreamgenreError("--on-change: the command is empty; name what is to be run")
        shown = one_line(command)
        self.name = f"on-change {shown if len(shown) <= 40 else shown[:39] + '…'}"
        self._command = command
        self._labels = {label.name: label for label in card.labels}
        self._seen: tuple[str, str | None] | None = None
        self._told: tuple[str, str | None] | None = None
        self._running: subprocess.Popen[bytes] | None = None
        self._worker: Worker[Update] = Worker(self.name, self._run, lambda: None, longest=1)

    def __call__(self, update: Update, at: datetime, source: str) -> None:
        decision = (update.status, update.genre)
        if decision != self._seen:
            self._seen = decision
            self._worker.put(update)
        if self._worker.problem:
            raise StreamgenreError(self._worker.problem)

    def close(self) -> None:
        """Leave a running command a moment, then kill it."""
        if not self._worker.close(_LAST_SECONDS):
            if self._running is not None:
                _kill(self._running)
            self._worker.close(0)

    def _run(self, update: Update) -> None:
        if (update.status, update.genre) == self._told:
            return  # it went elsewhere and came back while a command ran
        environment = os.environ | self._variables(update)
        self._told = (update.status, update.genre)
        self._running = subprocess.Popen(
            self._command,
            shell=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,  # a group of its own: to be killed as one, and not by Ctrl-C
        )
        try:
            status = self._running.wait(LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            _kill(self._running)
            raise StreamgenreError(
                f"the command took over {LONGEST_SECONDS:g} s and was killed; "
                "end it with & to let it go on by itself"
            ) from None
        if status:
            raise StreamgenreError(
                f"the command ended with status {status}; try it in a terminal to see why"
            )

    def _variables(self, update: Update) -> dict[str, str]:
        label = self._labels.get(update.genre or "")
        status, genre = self._told or ("", None)
        return {
            "STREAMGENRE_STATUS": update.status,
            "STREAMGENRE_GENRE": update.genre or "",
            "STREAMGENRE_DISPLAY": label.display if label else "",
            "STREAMGENRE_TOP": update.top,
            "STREAMGENRE_CONFIDENCE": f"{update.confidence:.2f}",
            "STREAMGENRE_TIME": f"{update.time:.3f}",
            "STREAMGENRE_COLOUR": label.colour if label else "",
            "STREAMGENRE_PREVIOUS": genre or status,
        }


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a shell and whatever it started."""
    if process.poll() is not None:
        return
    if sys.platform == "win32":
        tree = ["taskkill", "/T", "/F", "/PID", str(process.pid)]
        subprocess.run(tree, capture_output=True, check=False)
    else:
        with suppress(ProcessLookupError, PermissionError):  # it has just ended by itself
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
