"""The parent's side of a worker process."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .row import LibraryFile
from .worker import Settings

_POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Message:
    """A message from a worker. `content` is None after the process has ended."""

    worker: WorkerProcess
    content: dict[str, Any] | None


class WorkerProcess:
    """A child process and its assigned files. Its messages go to `events`."""

    def __init__(self, settings: Settings, events: queue.Queue[Any]) -> None:
        # The child has the same module path and uses one core.
        paths = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "streamgenre.library.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": paths, **dict.fromkeys(_POOLS, "1")},
        )
        self.files: dict[str, LibraryFile] = {}
        """Assigned files without a result, by path."""
        self.assigned = 0
        """Number of files assigned so far."""
        self.alone = False
        """Whether its current file must be processed alone."""
        self.ready = False
        self.last = time.monotonic()
        """Time of its last message."""
        self._events = events
        self._why = ""
        self._write(asdict(settings))
        threading.Thread(target=self._read, daemon=True).start()

    def assign(self, file: LibraryFile) -> None:
        """Assign a file."""
        if not self.files:
            self.last = time.monotonic()
        self.files[file.path] = file
        self.assigned += 1
        self._write(asdict(file))

    def _write(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        with suppress(OSError):  # it has ended, which its last message reports
            self._process.stdin.write(json.dumps(message, allow_nan=False).encode() + b"\n")
            self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with suppress(ValueError):  # truncated by its end
                self._events.put(Message(self, json.loads(line)))
        self._events.put(Message(self, None))

    def kill(self, why: str) -> None:
        """Kill the process. A last message without content follows."""
        self._why = why
        self._process.kill()

    def close(self) -> None:
        """Kill the process and wait for it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()

    def cause(self) -> str:
        """Wait for the process and return why it ended."""
        code = self._process.wait()
        if self._why:
            return self._why
        if code >= 0:
            return f"exit code {code}"
        try:
            return signal.Signals(-code).name
        except ValueError:
            return f"signal {-code}"
