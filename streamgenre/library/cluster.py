"""Classify files on a Ray cluster: Ray Data distributes blocks of files to a pool of actors.

Each actor uses one core and keeps the model in a worker process, like the local engine, so that a
decoder crash affects only one file. If an actor or machine is lost, Ray repeats its blocks. The
scanning process writes the journal and the results.
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
from .pool import Finished, NextFile, ProcessPool
from .reading import AudioRead
from .row import LibraryFile, Row
from .worker import Settings

_MAX_BLOCK = 32  # files; a block is repeated if its actor is killed
_RUN_FILES = 10_000  # minimum number of files of a Ray Data run, if there are as many
_RUN_FILES_PER_ACTOR = 1_000  # the same for each actor
_BLOCKS_PER_ACTOR = 2  # in flight, so that an actor does not wait for the next block


def check_ray() -> None:
    """Raise ConfigError if Ray Data is not installed."""
    if find_spec("ray") is None or find_spec("pyarrow") is None:
        raise ConfigError(f"the engine ray needs Ray: {install_command('ray')}")


@dataclass(frozen=True, slots=True)
class _Answer:
    """The answer of an actor as JSON."""

    text: str


@dataclass(frozen=True, slots=True)
class _Ended:
    """A run of Ray Data ended, with an error if it failed."""

    error: BaseException | None


class ClusterPool:
    """A pool of Ray actors.

    The cluster is the one that this process is connected to, or the one of RAY_ADDRESS, or the one
    of this machine. If there is none, Ray is started on this machine.

    Args:
        settings: settings of each worker.
        data: the model file; None for bundled models, which all machines have.
        jobs: number of actors; None selects one per core of the cluster.
        model: value of the column `model`.
        events: queue for the answers.
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
        self._group: list[LibraryFile] = []  # files of the next run
        self._files: dict[str, LibraryFile] = {}  # files of the current run without a row
        self._running = self._closed = False
        # Do not send usage statistics, unless the user has set the variable.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        self._ray = import_module("ray")
        self._data = import_module("ray.data")
        self._started = not self._ray.is_initialized()
        if self._started:
            try:
                self._ray.init(
                    include_dashboard=False, log_to_driver=False, logging_level=logging.CRITICAL
                )
            except Exception as error:  # Ray raises many types
                raise StreamgenreError(
                    f"Ray cannot start or be reached: {first_line(error)}; check RAY_ADDRESS and "
                    "`ray status`"
                ) from None
        for name in ("ray", "ray.data"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._jobs = jobs or max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    @property
    def busy(self) -> bool:
        """Whether files in the pool have no row yet."""
        return self._running or bool(self._group)

    def fill(self, next_file: NextFile, listed: bool) -> None:
        """Start a run as soon as there are enough files, or the listing is complete."""
        if self._running:
            return
        wanted = max(_RUN_FILES, _RUN_FILES_PER_ACTOR * self._jobs)
        while len(self._group) < wanted and (file := next_file()) is not None:
            self._group.append(file)
        if self._group and (listed or len(self._group) == wanted):
            files, self._group = self._group, []
            self._files = {file.path: file for file in files}
            self._running = True
            threading.Thread(target=self._run, args=(files,), daemon=True).start()

    def _run(self, files: list[LibraryFile]) -> None:
        """Run Ray Data over these files. Called in a thread."""
        try:
            size = min(_MAX_BLOCK, math.ceil(len(files) / (_BLOCKS_PER_ACTOR * self._jobs)))
            blocks = math.ceil(len(files) / size)
            dataset = self._data.from_items(
                [{"file": json.dumps(asdict(file), allow_nan=False)} for file in files],
                override_num_blocks=blocks,
            ).map_batches(
                _Actor,
                fn_constructor_args=self._arguments,
                batch_size=None,
                batch_format="pyarrow",
                num_cpus=1,
                compute=self._data.ActorPoolStrategy(
                    size=min(self._jobs, blocks), max_tasks_in_flight_per_actor=_BLOCKS_PER_ACTOR
                ),
            )
            dataset.context.enable_progress_bars = False
            dataset.context.print_on_execution_start = False
            # No timeout, because a block of long files can take hours.
            dataset.context.execution_no_progress_timeout_s = -1
            for batch in dataset.iter_batches(batch_size=None, batch_format="pyarrow"):
                for text in batch["answer"].to_pylist():
                    self._events.put(_Answer(text))
            self._events.put(_Ended(None))
        except BaseException as error:
            if not self._closed:
                self._events.put(_Ended(error))

    def handle(self, event: Any) -> Iterator[Finished | AudioRead]:
        """Process the answer of an actor, or the end of a run."""
        if isinstance(event, _Answer):
            content = json.loads(event.text)
            file = self._files.pop(content["path"], None)
            if file is not None:
                yield AudioRead(content["seconds"])
                yield Finished(file, Row.of(content["row"]))
        elif isinstance(event, _Ended):
            self._running = False
            if event.error is not None:
                raise _with_remedy(event.error)
            if self._files:
                raise StreamgenreError(
                    f"Ray lost {len(self._files)} files; run the same command again"
                )

    def check(self) -> None:
        """Do nothing: Ray monitors the actors, and each actor monitors its worker."""

    def close(self) -> None:
        """End the actors. Shut Ray down only if this pool has started it."""
        self._closed = True
        if self._started:
            self._ray.shutdown()


class _Actor:
    """Classifies blocks of files in a process of the cluster."""

    def __init__(self, settings: Settings, data: bytes | None, model: str) -> None:
        if data is not None:
            self._folder = tempfile.TemporaryDirectory()  # deleted with the actor
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
            answers.append(
                json.dumps(
                    {"path": answer.file.path, "row": row, "seconds": seconds}, allow_nan=False
                )
            )
            seconds = 0.0
        return {"answer": answers}


def _with_remedy(error: BaseException) -> StreamgenreError:
    """Convert an error of a run to one with its cause and a remedy."""
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
