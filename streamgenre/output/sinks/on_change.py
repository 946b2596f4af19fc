"""Run a command on each change of the decision."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import datetime

from ...errors import ConfigError, OutputError, one_line
from ...model.card import ModelCard
from ...update import Update
from .background import Worker

LONGEST_SECONDS = 30.0
"""A command that runs longer is killed, with all of its child processes."""

_LAST_SECONDS = 0.5  # for a command that is still running at the end


class OnChange:
    """A Sink that runs a shell command on each change of status or genre.

    Environment variables describe the change: STREAMGENRE_STATUS, _GENRE (empty if there is none),
    _DISPLAY (display name of the genre), _TOP, _CONFIDENCE (0.83), _TIME (s), _COLOUR (#rrggbb or
    empty) and _PREVIOUS (genre or status of the previous run). One command runs at a time. If there
    are several changes meanwhile, only the last one counts. The output of the command is discarded,
    since the terminal shows the live display.
    """

    def __init__(self, command: str, card: ModelCard) -> None:
        if not command.strip():
            raise ConfigError("--on-change: the command is empty; pass a command to run")
        shown = one_line(command)
        self.name = f"on-change {shown if len(shown) <= 40 else shown[:39] + '…'}"
        self._command = command
        self._labels = {label.name: label for label in card.labels}
        self._seen: tuple[str, str | None] | None = None
        self._reported: tuple[str, str | None] | None = None
        self._running: subprocess.Popen[bytes] | None = None
        self._worker: Worker[Update] = Worker(self.name, self._run, lambda: None, longest=1)

    def __call__(self, update: Update, at: datetime, source: str) -> None:
        decision = (update.status, update.genre)
        if decision != self._seen:
            self._seen = decision
            self._worker.put(update)
        if self._worker.problem:
            raise OutputError(self._worker.problem)

    def close(self) -> None:
        """Wait a moment for a running command, then kill it."""
        if not self._worker.close(_LAST_SECONDS):
            if self._running is not None:
                _kill(self._running)
            self._worker.close(0)

    def _run(self, update: Update) -> None:
        if (update.status, update.genre) == self._reported:
            return  # the decision changed and changed back while a command ran
        environment = os.environ | self._variables(update)
        self._reported = (update.status, update.genre)
        self._running = subprocess.Popen(
            self._command,
            shell=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,  # a separate group: killed as one, and not by Ctrl-C
        )
        try:
            status = self._running.wait(LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            _kill(self._running)
            raise OutputError(
                f"the command ran longer than {LONGEST_SECONDS:g} s and was killed; "
                "append & to run it in the background"
            ) from None
        if status:
            raise OutputError(
                f"the command failed with exit code {status}; run it in a terminal to see why"
            )

    def _variables(self, update: Update) -> dict[str, str]:
        label = self._labels.get(update.genre or "")
        status, genre = self._reported or ("", None)
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
    """Kill a shell and all of its child processes."""
    if process.poll() is not None:
        return
    if sys.platform == "win32":
        tree = ["taskkill", "/T", "/F", "/PID", str(process.pid)]
        subprocess.run(tree, capture_output=True, check=False)
    else:
        with suppress(ProcessLookupError, PermissionError):  # it has just exited
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
