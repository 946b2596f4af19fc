"""Measure the memory of `scan` over many files, one of which is very long.

The library has many short files in several formats, which are hard links to a few hundred
recordings, and one recording of twelve hours. The long recording is near the start, so that it is
open while most other files are read. The memory of all processes is sampled. Linux only.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import recordings
from .common import RATE, ROOT, Options, Skipped, music, table
from .memory import memory

TITLE = "memory of a scan of many files"

_FILES, _CONTENTS = 10_000, 300
_LONG = 12 * 3600.0  # s
_FORMATS = ("mp3", "flac", "ogg", "opus", "wav")
_SHORTEST, _STEP, _LENGTHS = 1.0, 0.5, 6  # s, s, number of lengths of the short files
_EVERY = 1.0  # s between samples
_SETTLED = 0.2  # share of the files after which memory should no longer grow
_JOBS = 2
_SCAN = f"""
import sys
from streamgenre.library.scan import scan

def show(progress):
    print(progress.done, progress.failed, flush=True)

for _ in scan(sys.argv[1], output=sys.argv[2], jobs={_JOBS}, progress=show):
    pass
"""


@dataclass(frozen=True)
class MemorySample:
    """Resident memory at one time."""

    seconds: float
    done: int
    scanning_mb: float
    workers_mb: tuple[float, ...]


@dataclass(frozen=True)
class ScanMemory:
    """Memory during a scan."""

    files: int
    contents: int
    long_h: float
    seconds: float
    failed: int
    curve: tuple[MemorySample, ...]


def measure(options: Options) -> ScanMemory:
    """Scan with two workers, and sample the memory of all processes every second."""
    if not Path("/proc/self/status").exists():
        raise Skipped("needs /proc, as on Linux")
    files, contents, long = (100, 10, 60.0) if options.quick else (_FILES, _CONTENTS, _LONG)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "library"
        _write(folder, files, contents, long)
        return _sampled(folder, files, contents, long / 3600)


def _write(folder: Path, files: int, contents: int, long: float) -> None:
    """Write the library. The names of the files define the order of the scan."""
    folder.mkdir()
    samples = music(120.0)
    made = []
    for i in range(contents):
        path = folder.parent / f"{i}.{_FORMATS[i % len(_FORMATS)]}"
        seconds = _SHORTEST + _STEP * (i % _LENGTHS)
        first = 3_500 * i % (len(samples) - 5 * RATE)
        piece = samples[first : first + round(seconds * RATE)]
        recordings.write_samples(path, piece, RATE)
        made.append(path)
    for i in range(files - 1):
        content = made[i % contents]
        os.link(content, folder / f"{i:05}{content.suffix}")
    minute = recordings.write(folder.parent / "minute.mp3", 60.0)
    recordings.longer(folder / f"{files // 10:05} long.mp3", minute, long)


def _sampled(folder: Path, files: int, contents: int, long_h: float) -> ScanMemory:
    curve: list[MemorySample] = []
    began = time.monotonic()
    done = failed = 0
    table = folder.parent / "genres.csv"
    with subprocess.Popen(
        [sys.executable, "-c", _SCAN, folder, table], stdout=subprocess.PIPE, cwd=ROOT
    ) as scanning:

        def count() -> None:
            nonlocal done, failed
            assert scanning.stdout is not None
            for line in scanning.stdout:
                done, failed = map(int, line.split())

        counting = threading.Thread(target=count)
        counting.start()
        while scanning.poll() is None:
            with suppress(OSError):  # a process has just ended
                workers = tuple(memory(pid, "VmRSS") for pid in _children(scanning.pid))
                own = memory(scanning.pid, "VmRSS")
                curve.append(MemorySample(time.monotonic() - began, done, own, workers))
            time.sleep(_EVERY)
        counting.join()
    if scanning.returncode:
        raise RuntimeError(f"the scan exited with code {scanning.returncode}")
    seconds = time.monotonic() - began
    # Omit the start of the processes.
    some = [one for one in curve if one.done and len(one.workers_mb) == _JOBS]
    some = some[:: max(1, len(some) // 200)]
    return ScanMemory(files, contents, long_h, seconds, failed, tuple(some))


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def growth(curve: Sequence[MemorySample]) -> list[float]:
    """Growth in kB per file of the scanning process and of each worker.

    It is the slope of a line fitted to the settled part. Empty if there are too few samples.
    """
    files = curve[-1].done
    settled = [one for one in curve if one.done > _SETTLED * files]
    workers = min((len(one.workers_mb) for one in settled), default=0)
    if len(settled) < 3 or settled[-1].done == settled[0].done:
        return []
    done = [one.done for one in settled]
    curves = [[one.scanning_mb for one in settled]]
    curves += [[one.workers_mb[i] for one in settled] for i in range(workers)]
    return [float(np.polyfit(done, mb, 1)[0]) * 1024 for mb in curves]


def report(result: ScanMemory) -> list[str]:
    """The memory curve and its growth."""
    curve = result.curve
    some = dict.fromkeys(curve[round(i * (len(curve) - 1) / 10)] for i in range(11))
    paragraphs = [
        f"{result.files:,} files with {result.contents} different contents, one of them "
        f"{result.long_h:g} h long; two workers; {result.failed} failed. Resident memory in MB:",
        table(
            ("s", "files done", "scanning process", "workers"),
            [
                (
                    f"{one.seconds:.0f}",
                    f"{one.done:,}",
                    f"{one.scanning_mb:.1f}",
                    ", ".join(f"{mb:.1f}" for mb in one.workers_mb),
                )
                for one in some
            ],
        ),
    ]
    if slopes := growth(curve):
        own, *workers = slopes
        theirs = " and ".join(f"{kb:.2f}" for kb in workers)
        paragraphs.append(
            f"After the first {_SETTLED:.0%} of the files, the scanning process grows by {own:.2f} "
            f"kB per file, and the workers by {theirs} kB per file."
        )
    return paragraphs
