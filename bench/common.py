"""What all measurements share: options, music to run on, repeats in turn, spreads, processor time.

Times are compared as ratios of cases that were taken in turn in one run, so that the machine's mood
falls on all of them.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import cycle
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamgenre.audio.files import decode_mono

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
RATE = 16_000
PERCENTILES = ("p50", "p95", "p99", "p99.9")


@dataclass(frozen=True)
class Options:
    """What a measurement is told."""

    quick: bool = False
    """Few repeats, short files: to see that it runs, not for its figures."""
    minutes: float | None = None
    """How long to listen live; None: the measurement's own choice."""
    hours: float | None = None
    """How much audio to send through a pipe; None: the measurement's own choice."""
    peers: Path | None = None
    """Folder with pretrained models of others."""
    data: Path | None = None
    """Labelled music with its splits (data/README of the trainer)."""


class Skipped(Exception):  # noqa: N818
    """A measurement that cannot be done here; the text says why and what would help."""


@dataclass(frozen=True)
class Spread:
    """Best, middle and worst of repeated values."""

    best: float
    median: float
    worst: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(min(values), statistics.median(values), max(values), len(values))

    def to_json(self) -> dict[str, float]:
        return {
            "best": self.best,
            "median": self.median,
            "worst": self.worst,
            "count": self.count,
        }


@cache
def music(seconds: float, sample_rate: int = RATE) -> NDArray[np.float32]:
    """Mono float32 (n,): the example clips one after another, over and over."""
    clips = sorted(path for path in EXAMPLES.glob("*.ogg") if path.stem != "mix")
    wanted = round(seconds * sample_rate)
    parts: list[NDArray[np.float32]] = []
    for path in cycle(clips):
        parts.append(decode_mono(path, sample_rate))
        if sum(map(len, parts)) >= wanted:
            break
    found: NDArray[np.float32] = np.concatenate(parts)[:wanted]
    found.flags.writeable = False  # it is shared
    return found


def in_turn(
    cases: Mapping[str, Callable[[], object]],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
    warm: int = 1,
) -> dict[str, list[float]]:
    """Seconds of each case, every case once a round; the first `warm` rounds are left out."""
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for turn in range(warm + rounds):
        for name, work in cases.items():
            began = clock()
            work()
            if turn >= warm:
                seconds[name].append(clock() - began)
    return seconds


def ratios(seconds: Mapping[str, Sequence[float]], case: str, base: str) -> Spread:
    """`case` over `base`, round by round."""
    return Spread.of([a / b for a, b in zip(seconds[case], seconds[base], strict=True)])


def processor_seconds(
    command: Sequence[str], environment: Mapping[str, str] | None = None
) -> float:
    """User and system time of a whole command; CalledProcessError where it fails."""
    before = children_seconds()
    subprocess.run(
        command,
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
    )
    return children_seconds() - before


def children_seconds() -> float:
    """User and system time of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """In milliseconds: p50, p95, p99, p99.9 and the worst, and of how many."""
    values = np.asarray(seconds) * 1e3
    found = dict(
        zip(PERCENTILES, map(float, np.percentile(values, [50, 95, 99, 99.9])), strict=True)
    )
    return {**found, "worst": float(values.max()), "count": len(values)}


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Lines of a Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return [*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)]


def shown(spread: Mapping[str, float], digits: int) -> str:
    """A `Spread` as text: its median, and what it lies between where there are several values."""
    best, median, worst = (f"{spread[key]:.{digits}f}" for key in ("best", "median", "worst"))
    return median if spread["count"] == 1 else f"{median} ({best} to {worst})"
