"""Shared by all measurements: options, test music, interleaved repeats, spreads, processor time.

Times are compared as ratios of cases that are interleaved in one run, so that variations of the
machine affect all of them.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import cycle
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamgenre.audio.files import decode_mono

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
CLIPS = sorted(path for path in EXAMPLES.glob("*.ogg") if path.stem != "mix")
RATE = 16_000


@dataclass(frozen=True)
class Options:
    """Options of a measurement."""

    quick: bool = False
    """Few repeats and short files, to test that it runs."""
    minutes: float | None = None
    """Duration of live listening; None for the default of the measurement."""
    hours: float | None = None
    """Amount of audio for the pipe; None for the default of the measurement."""
    peers: Path | None = None
    """Folder with pretrained models from elsewhere."""
    data: Path | None = None
    """Labelled music with splits (docs/training.md)."""


class Skipped(Exception):  # noqa: N818
    """The measurement cannot run here; the text states the cause and the remedy."""


class MismatchError(Exception):
    """Implementations that are compared do not agree."""


@dataclass(frozen=True)
class Spread:
    """Best, median and worst of repeated values."""

    best: float
    median: float
    worst: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(min(values), statistics.median(values), max(values), len(values))

    def format(self, digits: int) -> str:
        """The median, and the range if there are several values.

        >>> Spread.of([3.0, 1.0, 2.0]).format(1)
        '2.0 (1.0 to 3.0)'
        """
        best, median, worst = (f"{v:.{digits}f}" for v in (self.best, self.median, self.worst))
        return median if self.count == 1 else f"{median} ({best} to {worst})"


@dataclass(frozen=True)
class Percentiles:
    """Percentiles of times, in milliseconds."""

    p50: float
    p95: float
    p99: float
    p999: float = field(metadata={"key": "p99.9"})
    worst: float
    count: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Percentiles:
        values = np.asarray(seconds) * 1e3
        p50, p95, p99, p999 = map(float, np.percentile(values, [50, 95, 99, 99.9]))
        return cls(p50, p95, p99, p999, float(values.max()), len(values))


@cache
def music(seconds: float, sample_rate: int = RATE) -> NDArray[np.float32]:
    """Mono float32 (n,): the example clips, concatenated and repeated."""
    wanted = round(seconds * sample_rate)
    parts: list[NDArray[np.float32]] = []
    for path in cycle(CLIPS):
        parts.append(decode_mono(path, sample_rate))
        if sum(map(len, parts)) >= wanted:
            break
    samples: NDArray[np.float32] = np.concatenate(parts)[:wanted]
    samples.flags.writeable = False  # shared by all callers
    return samples


def in_turn(
    cases: Mapping[str, Callable[[], object]],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
    warm: int = 1,
) -> dict[str, list[float]]:
    """Seconds of each case, once per round; the first `warm` rounds are left out."""
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


def processor_seconds(command: Sequence[str]) -> float:
    """User and system time of a command."""
    before = children_seconds()
    run_quietly(command)
    return children_seconds() - before


def run_quietly(command: Sequence[str], **environment: str) -> None:
    """Run a command without its output. Raises CalledProcessError if it fails."""
    subprocess.run(
        command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT, env={**os.environ, **environment}
    )


def children_seconds() -> float:
    """User and system time of all terminated child processes."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])
