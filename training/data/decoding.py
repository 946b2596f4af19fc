"""Decodes many files at once, in processes of their own, a bounded number ahead of the writer.

A file that cannot be decoded, even one that brings the decoder down, costs only itself. Whether
the fault is the file's, or may be gone the next time, is told apart.
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

SHORTEST = 0.3  # seconds; less is no music, only a header
FEW = 8  # files that are decoded sooner than another process has started

# What `streamgenre` says of a file that it could not open, whatever is in it.
_NOT_OPENED = ("no permission", "no such file", "cannot be opened")


class Decoded(NamedTuple):
    """What has become of a file."""

    samples: bytes = b""
    error: str = ""  # why there are none
    passing: bool = False  # not the file's own fault: the next attempt may do


def to_int16(samples: np.ndarray) -> np.ndarray:
    """Samples in [-1, 1] as the cache holds them; what is beyond is clipped."""
    return np.asarray(np.clip(np.rint(samples * 32768.0), -32768, 32767), "<i2")


def decode(path: str) -> Decoded:
    """int16 samples at 16 kHz."""
    from streamgenre.audio.files import decode_mono

    try:
        samples = decode_mono(path, SAMPLE_RATE)
        if len(samples) < SHORTEST * SAMPLE_RATE:
            return Decoded(error=f"is shorter than {SHORTEST} s")
        whole = to_int16(samples)
        return Decoded(whole.tobytes()) if whole.any() else Decoded(error="is silent throughout")
    except Exception as error:  # of any decoder: a file in a thousand must not end the run
        reason = str(error).removeprefix(f"{path}: ").strip() or type(error).__name__
        return Decoded(error=one_line(reason.splitlines()[0]), passing=_passing(error, reason))


def _passing(error: BaseException, reason: str) -> bool:
    """Whether a network folder was away, memory short, a permission wrong, or the like."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        if isinstance(cause, OSError | MemoryError):
            return True
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
    return isinstance(error, InputError) and reason.startswith(_NOT_OPENED)


@contextmanager
def _ended(pool: Any) -> Iterator[None]:
    """Whatever breaks the work off, Ctrl-C too, does not wait for what is being decoded."""
    try:
        yield
    except BaseException:
        pool.shutdown(wait=True, kill_workers=True)
        raise


def _start() -> None:
    """A worker leaves Ctrl-C to its parent, and what C libraries print to nobody."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def decode_all(paths: Sequence[str]) -> Iterator[tuple[str, Decoded]]:
    """Each path with what it holds, in the order in which they are done."""
    workers = min(os.cpu_count() or 1, len(paths) // FEW)
    if workers < 2:
        yield from ((path, decode(path)) for path in paths)
        return
    # loky neither forks, which hangs where there are threads as torch has them, nor runs the main
    # script anew in each process, as the standard library's pool does.
    from joblib.externals.loky import ProcessPoolExecutor  # type: ignore[import-untyped]

    left = dict.fromkeys(paths)
    pending: dict[Future[Decoded], str] = {}
    try:
        with ProcessPoolExecutor(workers, initializer=_start) as pool, _ended(pool):
            for path in paths:
                pending[pool.submit(decode, path)] = path
                while len(pending) >= 2 * workers or (pending and path == paths[-1]):
                    for future in wait(pending, return_when=FIRST_COMPLETED).done:
                        decoded = future.result()
                        done = pending.pop(future)
                        del left[done]
                        yield done, decoded
    except BrokenProcessPool:
        # A file that brings the decoder down is among the pending: each gets a process of its own.
        for path in pending.values():
            del left[path]
            try:
                with ProcessPoolExecutor(1, initializer=_start) as pool, _ended(pool):
                    yield path, pool.submit(decode, path).result()
            except BrokenProcessPool as error:
                # SIGKILL is the system's, which is short of memory.
                passing = "SIGKILL" in str(error)
                yield path, Decoded(error="brings the decoder down", passing=passing)
        yield from decode_all(list(left))
