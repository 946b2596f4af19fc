"""Classify files on a Ray cluster: Ray Data gives blocks of files to a pool of actors.

Each actor takes one core and keeps a worker process with the model, as the local engine does, so
that a file that crashes a decoder costs only its own row. Ray runs a block again whose actor or
machine is lost. The journal and the results stay with the process that scans.
"""

from __future__ import annotations

import json
import logging
import math
import os
import queue
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..errors import ConfigError, StreamgenreError, first_line
from ..extras import install_command
from .pool import Finished, ProcessPool, Waiting
from .reading import AudioRead
from .row import LibraryFile, Row
from .worker import Settings

_BLOCK = 32  # files at most that an actor takes at once, and loses if it is killed
_GROUP = 10_000  # files of a run of Ray Data; at least as many an actor as below
_AN_ACTOR = 1_000
_AHEAD = 2  # blocks at an actor, so that it need not wait for the next


def check_ray() -> None:
    """Raise ConfigError, with the remedy, if Ray Data is not installed."""
    if find_spec("ray") is None or find_spec("pyarrow") is None:
        raise ConfigError(f"the engine ray needs Ray: {install_command('ray')}")


@dataclass(frozen=True, slots=True)
class _Answer:
    """Of an actor, as JSON."""

    text: str


@dataclass(frozen=True, slots=True)
class _Ended:
    """A run of Ray Data has ended, or failed with an error."""

    error: BaseException | None


class ClusterPool:
    """The actors of a scan.

    It uses the cluster that this process is connected to, else that of RAY_ADDRESS or of this
    machine, else it starts one on this machine.

    Args:
        settings: of each worker.
        data: the model file if it is not a bundled one, which all machines have.
        jobs: number of actors; None for one a core of the cluster.
        model: what rows say of the model.
        events: where the answers go.
    """

    def __init__(
        self,
        settings: Settings,
        data: bytes | None,
        jobs: int | None,
        model: str,
        events: queue.Queue[Any],
    ) -> None:
        check_ray()
        self._events, self._arguments = events, (settings, data, model)
        self._group: list[LibraryFile] = []  # to be given to the next run
        self._files: dict[str, LibraryFile] = {}  # that the present run has
        self._running = self._closed = False
        # Statistics of use would go to Ray's makers; who wants that sets the variable.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        self._ray = import_module("ray")
        self._data = import_module("ray.data")
        self._started = not self._ray.is_initialized()
        if self._started:
            try:
                self._ray.init(
                    include_dashboard=False, log_to_driver=False, logging_level=logging.CRITICAL
                )
            except Exception as error:  # of many kinds
                raise StreamgenreError(
                    f"Ray cannot start or be reached: {first_line(error)}; check RAY_ADDRESS and "
                    "`ray status`"
                ) from None
        for name in ("ray", "ray.data"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._jobs = jobs or max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    @property
    def busy(self) -> bool:
        """Whether files that it took have no row yet."""
        return self._running or bool(self._group)

    def fill(self, waiting: Waiting, listed: bool) -> None:
        """Start a run once there are enough files, or there will be no more."""
        if self._running:
            return
        wanted = max(_GROUP, _AN_ACTOR * self._jobs)
        while len(self._group) < wanted and (file := waiting()) is not None:
            self._group.append(file)
        if self._group and (listed or len(self._group) == wanted):
            files, self._group = self._group, []
            self._files = {file.path: file for file in files}
            self._running = True
            threading.Thread(target=self._run, args=(files,), daemon=True).start()

    def _run(self, files: list[LibraryFile]) -> None:
        """In a thread: have the actors answer for these files."""
        try:
            size = min(_BLOCK, math.ceil(len(files) / (_AHEAD * self._jobs)))
            blocks = math.ceil(len(files) / size)
            dataset = self._data.from_items(
                [{"file": json.dumps(asdict(file))} for file in files], override_num_blocks=blocks
            ).map_batches(
                _Actor,
                fn_constructor_args=self._arguments,
                batch_size=None,
                batch_format="pyarrow",
                num_cpus=1,
                compute=self._data.ActorPoolStrategy(
                    size=min(self._jobs, blocks), max_tasks_in_flight_per_actor=_AHEAD
                ),
            )
            dataset.context.enable_progress_bars = False
            dataset.context.print_on_execution_start = False
            dataset.context.execution_no_progress_timeout_s = (
                -1
            )  # a block of long files takes hours
            for batch in dataset.iter_batches(batch_size=None, batch_format="pyarrow"):
                for text in batch["answer"].to_pylist():
                    self._events.put(_Answer(text))
            self._events.put(_Ended(None))
        except BaseException as error:
            if not self._closed:
                self._events.put(_Ended(error))

    def take(self, event: Any) -> Iterator[Finished | AudioRead]:
        """What an actor answered, or the end of a run."""
        if isinstance(event, _Answer):
            content = json.loads(event.text)
            file = self._files.pop(content["path"], None)
            if file is not None:
                yield AudioRead(content["seconds"])
                yield Finished(file, Row.of(content["row"]))
        elif isinstance(event, _Ended):
            self._running = False
            if event.error is not None:
                raise _explained(event.error)
            if self._files:
                raise StreamgenreError(
                    f"Ray lost {len(self._files)} files; run the same command again"
                )

    def check(self) -> None:
        """Nothing: Ray looks after the actors, and they after their workers."""

    def close(self) -> None:
        """End the actors. A cluster that was there before goes on."""
        self._closed = True
        if self._started:
            self._ray.shutdown()


class _Actor:
    """Answers for blocks of files, in a process of the cluster."""

    def __init__(self, settings: Settings, data: bytes | None, model: str) -> None:
        if data is not None:
            self._folder = tempfile.TemporaryDirectory()  # as long as the actor lives
            path = Path(self._folder.name) / "model.onnx"
            path.write_bytes(data)
            settings = replace(settings, model=str(path))
        self._pool = ProcessPool(settings, 1, model)

    def __call__(self, batch: Any) -> dict[str, list[str]]:
        files = [LibraryFile(**json.loads(text)) for text in batch["file"].to_pylist()]
        answers: list[str] = []
        seconds = 0.0
        for answer in self._pool.classify(files):
            if isinstance(answer, AudioRead):
                seconds += answer.seconds
                continue
            row = answer.row.to_dict(list(answer.row.probabilities or ()))
            answers.append(json.dumps({"path": answer.file.path, "row": row, "seconds": seconds}))
            seconds = 0.0
        return {"answer": answers}


def _explained(error: BaseException) -> StreamgenreError:
    """The error of a run with cause and remedy."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, StreamgenreError):
            return cause
        if isinstance(cause, ImportError):
            return StreamgenreError(
                f"a machine of the cluster cannot run streamgenre: {first_line(cause)}; install "
                "the same version on all machines"
            )
        cause = getattr(cause, "cause", None) or cause.__cause__
    return StreamgenreError(
        f"Ray failed: {first_line(error)}; its logs are in /tmp/ray/session_latest/logs on the "
        "machines of the cluster"
    )
