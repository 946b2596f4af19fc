"""A whole library: rates of `scan` with one process and with two, and memory over many files.

Rates are those of whole runs, start-up included, against processes that decode, mix and resample
the same files and do nothing else. All cases are taken in turn, on the clock and in processor time;
where other work shares the cores, the latter tells more.

Memory is that of the scanning process and its workers, now and then, over many short files with a
long one among them.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from streamgenre.library.scan import Progress, scan

from . import recordings
from .common import ROOT, Options, Skipped, Spread, children_seconds, table
from .memory import memory

TITLE = "scanning a library, against decoding it alone"

_FORMATS = ("mp3", "flac")
_LENGTH = 240.0  # s of each recording
_COPIES = 32
_MANY, _SHORT, _LONG = 10_000, 2.0, 12 * 3600.0  # files, s of each, s of the long one
_ALONE = "decoding alone, 2 processes"
_CASES = {"scan, 1 process": 1, "scan, 2 processes": 2}
_EVERY = 2.0  # s between looks at the memory


@dataclass(frozen=True)
class Rates:
    """Seconds of each case, round by round, for one format."""

    audio_s: float
    clock_s: dict[str, list[float]]
    processor_s: dict[str, list[float]]


@dataclass(frozen=True)
class Memory:
    """Memory over the course of a scan."""

    files: int
    long_h: float
    seconds: float
    curve: list[list[float]]  # files done, MB of the scanning process and of each worker
    peak_of_a_child_mb: float


@dataclass(frozen=True)
class ScanResult:
    """Of this measurement."""

    rates: dict[str, Rates]  # by format
    memory: Memory


def measure(options: Options) -> ScanResult:
    """Rates by format, then memory."""
    if not Path("/proc/self/status").exists():
        raise Skipped("needs /proc, as on Linux")
    copies, length, rounds = (4, 10.0, 1) if options.quick else (_COPIES, _LENGTH, 3)
    many, long = (100, 60.0) if options.quick else (_MANY, _LONG)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rates = {form: rate(folder / form, form, copies, length, rounds) for form in _FORMATS}
        return ScanResult(rates, memory_of(folder / "many", many, long))


def rate(folder: Path, form: str, copies: int, length: float, rounds: int) -> Rates:
    """Seconds on the clock and of the processors, round by round, of each case."""
    folder.mkdir()
    first = recordings.write(folder / f"0.{form}", length)
    paths = [first, *(folder / f"{i}.{form}" for i in range(1, copies))]
    for path in paths[1:]:
        shutil.copy(first, path)
    cases: dict[str, Callable[[], object]] = {
        _ALONE: partial(_decode, [paths[::2], paths[1::2]]),
        **{name: partial(_scan, folder, jobs) for name, jobs in _CASES.items()},
    }
    clock: dict[str, list[float]] = {name: [] for name in cases}
    processor: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, work in cases.items():
            began, used = time.perf_counter(), children_seconds()
            work()
            clock[name].append(time.perf_counter() - began)
            processor[name].append(children_seconds() - used)
    return Rates(copies * length, clock, processor)


def _scan(folder: Path, jobs: int) -> None:
    for row in scan(folder, jobs=jobs):
        if row.error:
            raise RuntimeError(f"{row.path}: {row.error}")


def _decode(shares: list[list[Path]]) -> None:
    """A process for each share: the product's own decoding, mixing and resampling."""
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "bench.file.alone", "ours", *map(str, share)], cwd=ROOT
        )
        for share in shares
    ]
    codes = [process.wait() for process in running]
    if any(codes):
        raise RuntimeError("bench.file.alone failed")


def memory_of(folder: Path, count: int, long: float) -> Memory:
    """MB of this process's growth and of its workers, over the course of a scan."""
    folder.mkdir()
    short = recordings.write(folder / "0.mp3", _SHORT)
    for i in range(1, count):
        os.link(short, folder / f"{i}.mp3")
    recordings.longer(folder / "long.mp3", recordings.write(folder / "minute.mp3", 60.0), long)
    (folder / "minute.mp3").unlink()
    curve: list[list[float]] = []
    ended = threading.Event()
    done = 0

    def watch() -> None:
        while not ended.wait(_EVERY):
            curve.append([done, memory(os.getpid(), "VmRSS"), *_workers("VmRSS")])

    def progress(now: Progress) -> None:
        nonlocal done
        done = now.done

    watching = threading.Thread(target=watch)
    watching.start()
    began = time.monotonic()
    try:
        for _ in scan(folder, jobs=2, progress=progress):
            pass
    finally:
        ended.set()
        watching.join()
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return Memory(count + 1, long / 3600, time.monotonic() - began, curve, peak)


def _workers(what: str) -> list[float]:
    """MB of each child of this process."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    found = []
    for child in children:
        try:
            found.append(memory(int(child), what))
        except OSError:  # it has just ended
            continue
    return found


def report(result: ScanResult) -> list[str]:
    """A table of rates, and one of memory."""
    lines = ["Times real time, median (worst to best), and milliseconds of processor time for a "
             "second of audio:", ""]  # fmt: skip
    rows = []
    for form, one in result.rates.items():
        for name, clock in one.clock_s.items():
            speed = Spread.of([one.audio_s / seconds for seconds in clock])
            cost = statistics.median(one.processor_s[name]) / one.audio_s * 1e3
            rows.append([form, name, speed.format(0), f"{cost:.2f}"])
    lines += [*table(("format", "case", "times real time", "processor, ms"), rows), ""]
    one_process, two = _CASES
    for form, one in result.rates.items():
        faster = _ratio(one.clock_s, one_process, two)
        lines.append(
            f"- {form}: two processes do {faster:.2f} times as much as one, and "
            f"{_ratio(one.clock_s, _ALONE, two):.0%} of what decoding alone does on the clock, "
            f"{_ratio(one.processor_s, _ALONE, two):.0%} in processor time."
        )
    kept = result.memory
    lines += [
        "",
        f"Memory over {kept.files:,} files, one of them of {kept.long_h:g} h, MB:",
        "",
    ]
    curve = kept.curve
    some = [curve[round(i * (len(curve) - 1) / 8)] for i in range(9)] if len(curve) > 8 else curve
    lines += table(
        ("files done", "scanning process", "workers"),
        [
            [f"{row[0]:,.0f}", f"{row[1]:.0f}", ", ".join(f"{mb:.0f}" for mb in row[2:])]
            for row in some
        ],
    )
    return lines


def _ratio(seconds: Mapping[str, list[float]], base: str, case: str) -> float:
    """How many times faster `case` is than `base`: the median of the rounds."""
    return statistics.median(b / c for b, c in zip(seconds[base], seconds[case], strict=True))
