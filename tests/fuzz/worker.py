"""Runs the inputs of one target in this process.

Exceptions are saved as findings, once for each place in the code, and fuzzing continues. A crash
ends the process; the input is then in the file `current`.
"""

from __future__ import annotations

import faulthandler
import hashlib
import mmap
import random
import resource
import shutil
import signal
import struct
import sys
import time
import traceback
from pathlib import Path
from typing import Any, NoReturn

from fuzz.mutate import mutated
from fuzz.target import Target

CPU_SECONDS, SECONDS = 30.0, 300.0  # limits for one input; of wall time more, for loaded machines
MEGABYTES = 2_500  # resident memory of the process
_INSTRUMENTED = ("streamgenre", "training.data")
# Numba compiles these functions from their bytecode.
_COMPILED = ("streamgenre.audio.logmel_kernel", "streamgenre.audio.jit")


class Worker:
    """Checks inputs and counts them.

    `folder`: holds `count` (8 bytes, the number of inputs), `current`, and `found/`.
    """

    def __init__(self, target: Target, folder: Path) -> None:
        self._target, self._folder = target, folder
        (folder / "found").mkdir(parents=True, exist_ok=True)
        with (folder / "count").open("w+b") as file:
            file.write(bytes(8))
            file.flush()
            self._count = mmap.mmap(file.fileno(), 8)
        self._current = (folder / "current").open("w+b", buffering=0)
        self._place = folder / "files"
        self._done = 0
        faulthandler.enable()
        faulthandler.register(signal.SIGPROF, chain=True)  # prints where it was, and ends

    def run(self, data: bytes) -> None:
        """Check one input; saves it if the check fails."""
        from streamgenre.errors import StreamgenreError

        self._current.seek(0)
        self._current.truncate()
        self._current.write(data)
        self._done += 1
        self._count[:] = struct.pack("<Q", self._done)
        shutil.rmtree(self._place, ignore_errors=True)
        self._place.mkdir()
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        try:
            self._target.check(data, self._place)
        except StreamgenreError:
            pass
        except Exception as error:
            self._save(data, error)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            faulthandler.cancel_dump_traceback_later()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        if peak > MEGABYTES:
            self._save(data, MemoryError(f"{peak:.0f} MB"))
            sys.exit(1)  # the peak never falls

    def _save(self, data: bytes, error: Exception) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in frames if "/streamgenre/" in frame.filename] or frames
        where = f"{Path(ours[-1].filename).name}:{ours[-1].name}" if ours else ""
        key = hashlib.sha256(f"{type(error).__name__} {where}".encode()).hexdigest()[:12]
        path = self._folder / "found" / key
        if not path.exists():
            path.write_bytes(data)
            text = "".join(traceback.format_exception(error))
            path.with_suffix(".txt").write_text(text, "utf-8", "backslashreplace")


def mutate(target: Target, folder: Path, seconds: float, seed: int) -> None:
    """Run mutations of the seeds for a time."""
    worker, rng = Worker(target, folder), random.Random(seed)
    inputs = list(target.inputs().values())
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        worker.run(mutated(rng.choice(inputs), inputs, rng, target.largest))


def guide(name: str, folder: Path, seconds: float, seed: int) -> NoReturn:
    """Run inputs that atheris derives from the coverage of the Python code."""
    import atheris

    with atheris.instrument_imports(include=[*_INSTRUMENTED], exclude=[*_COMPILED]):
        from fuzz.targets import TARGETS

        target = TARGETS[name]
        inputs = target.inputs()
    corpus, seeds = folder / "corpus", folder / "seeds"
    corpus.mkdir(exist_ok=True)
    seeds.mkdir(exist_ok=True)
    for seed_name, data in inputs.items():
        (seeds / seed_name).write_bytes(data)
    worker = Worker(target, folder)
    flags: dict[str, Any] = {
        "max_total_time": int(seconds),
        "max_len": target.largest,
        "timeout": 1_000_000,  # the worker has its own limits
        "rss_limit_mb": 0,
        "seed": seed,
        "verbosity": 0,
        "artifact_prefix": f"{folder}/",
    }
    atheris.Setup(
        ["fuzz", *(f"-{flag}={value}" for flag, value in flags.items()), str(corpus), str(seeds)],
        worker.run,
    )
    atheris.Fuzz()
    sys.exit(0)
