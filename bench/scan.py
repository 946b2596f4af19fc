"""Measure the speed of `scan` with one and two processes, compared with decoding alone.

Each case is a complete run, including start-up. The baseline decodes, mixes and resamples the same
files without classification. The cases alternate in each round. CPU time is also measured, because
it is less affected by other programs on the same cores. A process decodes in a second thread, so
one process uses more than one core; on Linux, it is also measured on one core.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from streamgenre.library.scan import scan

from . import recordings
from .common import ROOT, Options, Spread, children_seconds, table

TITLE = "scanning a library, against decoding it alone"

_FORMATS = ("mp3", "flac")
_LENGTH = 240.0  # s of each recording
_COPIES = 16  # all rounds take less than four minutes on two cores
_ALONE = "decoding alone, 2 processes"
_CASES = {"scan, 1 process": 1, "scan, 2 processes": 2}
_ONE_CORE = "scan, 1 process on 1 core"


@dataclass(frozen=True)
class Rates:
    """Seconds of each case in each round, for one format."""

    audio_s: float
    clock_s: dict[str, list[float]]
    processor_s: dict[str, list[float]]


def measure(options: Options) -> dict[str, Rates]:
    """Measure the rates of each format."""
    copies, length, rounds = (4, 10.0, 1) if options.quick else (_COPIES, _LENGTH, 3)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return {form: rate(folder / form, form, copies, length, rounds) for form in _FORMATS}


def rate(folder: Path, form: str, copies: int, length: float, rounds: int) -> Rates:
    """Measure the wall-clock and CPU time of each case in each round."""
    folder.mkdir()
    first = recordings.write(folder / f"0.{form}", length)
    paths = [first, *(folder / f"{i}.{form}" for i in range(1, copies))]
    for path in paths[1:]:
        shutil.copy(first, path)
    cases: dict[str, Callable[[], object]] = {
        _ALONE: partial(_decode, [paths[::2], paths[1::2]]),
        **{name: partial(_scan, folder, jobs) for name, jobs in _CASES.items()},
    }
    if sys.platform == "linux":
        cases[_ONE_CORE] = partial(_scan_on_one_core, folder)
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


def _scan_on_one_core(folder: Path) -> None:
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})  # the worker inherits it
    try:
        _scan(folder, 1)
    finally:
        os.sched_setaffinity(0, cores)


def _decode(shares: list[list[Path]]) -> None:
    """Decode, mix and resample with streamgenre's own code, in one process per share."""
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "bench.file.alone", "ours", *map(str, share)], cwd=ROOT
        )
        for share in shares
    ]
    codes = [process.wait() for process in running]
    if any(codes):
        raise RuntimeError("bench.file.alone failed")


def report(result: Mapping[str, Rates]) -> list[str]:
    """The rates and a comparison."""
    rows, compared = [], []
    one_process, two = _CASES
    for form, one in result.items():
        for name, clock in one.clock_s.items():
            speed = Spread.of([one.audio_s / seconds for seconds in clock])
            cost = statistics.median(one.processor_s[name]) / one.audio_s * 1e3
            rows.append([form, name, speed.format(0), f"{cost:.2f}"])
        faster = _ratio(one.clock_s, one_process, two)
        alone = ""
        if _ONE_CORE in one.clock_s:
            alone = (
                f", and {_ratio(one.clock_s, _ONE_CORE, two):.2f} times as fast as one on one core"
            )
        compared.append(
            f"- {form}: two processes are {faster:.2f} times as fast as one{alone}. They reach "
            f"{_ratio(one.clock_s, _ALONE, two):.0%} of the speed of decoding alone by the clock, "
            f"and {_ratio(one.processor_s, _ALONE, two):.0%} by CPU time."
        )
    return [
        "Speed as a multiple of real time, median (worst to best), and CPU time per second of "
        "audio:",
        table(("format", "case", "times real time", "CPU, ms"), rows),
        "\n".join(compared),
    ]


def _ratio(seconds: Mapping[str, list[float]], base: str, case: str) -> float:
    """Speed of `case` relative to `base`: median over the rounds."""
    return statistics.median(b / c for b, c in zip(seconds[base], seconds[case], strict=True))
