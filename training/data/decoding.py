"""Parallel decoding of audio files in worker processes, with a bounded queue.

A file that cannot be decoded, or that crashes the decoder, does not affect the others. Temporary
failures are distinguished from broken files.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from streamgenre.errors import InputError, one_line

from .record import SAMPLE_RATE

SHORTEST = 0.3  # s; shorter files are skipped
FEW = 8  # files per worker below which another process is not worth its start

# Beginnings of the error messages for files that cannot be opened.
_NOT_OPENED = ("no permission", "no such file", "cannot be opened")


class Decoded(NamedTuple):
    """The result for one file."""

    samples: bytes = b""
    error: str = ""  # the reason if there are no samples
    temporary: bool = False  # the next attempt may succeed


def to_int16(samples: np.ndarray) -> np.ndarray:
    """Convert samples in [-1, 1] to int16, clipped."""
    return np.asarray(np.clip(np.rint(samples * 32768.0), -32768, 32767), "<i2")


def decode(path: str) -> Decoded:
    """Decode a file to int16 samples at 16 kHz."""
    from streamgenre.audio.files import decode_mono

    try:
        samples = decode_mono(path, SAMPLE_RATE)
        if len(samples) < SHORTEST * SAMPLE_RATE:
            return Decoded(error=f"is shorter than {SHORTEST} s")
        whole = to_int16(samples)
        return Decoded(whole.tobytes()) if whole.any() else Decoded(error="is silent throughout")
    except Exception as error:  # decoders raise anything; one bad file must not end the run
        reason = str(error).removeprefix(f"{path}: ").strip() or type(error).__name__
        return Decoded(
            error=one_line(reason.splitlines()[0]), temporary=_is_temporary(error, reason)
        )


def _is_temporary(error: BaseException, reason: str) -> bool:
    """Whether the cause may disappear: an unavailable network folder, low memory, permissions."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        if isinstance(cause, OSError | MemoryError):
            return True
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
    return isinstance(error, InputError) and reason.startswith(_NOT_OPENED)


@contextmanager
def _workers_killed(pool: Any) -> Iterator[None]:
    """Kill the workers on any exception, including Ctrl-C, instead of waiting for them."""
    try:
        yield
    except BaseException:
        pool.shutdown(wait=True, kill_workers=True)
        raise


def _start() -> None:
    """Initialise a worker: leave Ctrl-C to the parent, and discard what C libraries print."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def decode_all(paths: Sequence[str]) -> Iterator[tuple[str, Decoded]]:
    """Decode files in parallel; yield each path with its result in order of completion."""
    workers = min(os.cpu_count() or 1, len(paths) // FEW)
    if workers < 2:
        yield from ((path, decode(path)) for path in paths)
        return
    # loky does not fork, which deadlocks with the threads of torch, and does not re-import the main
    # script in each process, as the pool of the standard library does.
    from joblib.externals.loky import ProcessPoolExecutor  # type: ignore[import-untyped]

    remaining = dict.fromkeys(paths)
    pending: dict[Future[Decoded], str] = {}
    try:
        with ProcessPoolExecutor(workers, initializer=_start) as pool, _workers_killed(pool):
            for path in paths:
                pending[pool.submit(decode, path)] = path
                while len(pending) >= 2 * workers or (pending and path == paths[-1]):
                    for future in wait(pending, return_when=FIRST_COMPLETED).done:
                        decoded = future.result()
                        done = pending.pop(future)
                        del remaining[done]
                        yield done, decoded
    except BrokenProcessPool:
        # One of the pending files crashed the decoder. Decode each in a process of its own.
        for path in pending.values():
            del remaining[path]
            try:
                with ProcessPoolExecutor(1, initializer=_start) as pool, _workers_killed(pool):
                    yield path, pool.submit(decode, path).result()
            except BrokenProcessPool as error:
                # The system sends SIGKILL if memory is low.
                temporary = "SIGKILL" in str(error)
                yield path, Decoded(error="crashes the decoder", temporary=temporary)
        yield from decode_all(list(remaining))
