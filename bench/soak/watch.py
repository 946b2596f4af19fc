"""What is recorded over time: memory, threads, file descriptors, state, CPU time, answers."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamgenre.timing import speed_kernel
from streamgenre.update import Update

from ..memory import memory
from ..records import to_json


@dataclass(frozen=True)
class Answer:
    """The decision at the end of a reference clip."""

    clip: str
    genre: str
    """The label of the clip."""
    top: str
    confidence: float
    difference: float
    """Largest difference of a smoothed probability from the first answer to this clip."""


@dataclass(frozen=True)
class Sample:
    """The figures of one interval of audio."""

    hours: float
    """Hours of audio at the end of the interval."""
    rss_mb: float
    threads: int
    descriptors: int
    state_mean: float
    """Euclidean norm of the state, mean over the updates."""
    state_largest: float
    step_p50: float
    """CPU time of an update, relative to the speed kernel at the end of the interval."""
    step_p99: float
    behind_s: float
    """Duration of the audio that no update covers yet."""
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Listening:
    """Counts of a run of live listening."""

    faults: dict[str, int]
    """Number of simulated faults by kind."""
    gaps: int
    """Outages that the listener counted."""
    dropped: int
    """Frames that the ring buffer dropped."""
    overflows: int
    log_mb: float
    """Size of the rotated log."""


class Watch:
    """Collects the figures of one interval at a time. Linux only.

    `progress` receives each sample when its interval is complete.
    """

    def __init__(self, progress: Callable[[Sample], None] = lambda sample: None) -> None:
        self.samples: list[Sample] = []
        self._progress = progress
        self._first: dict[str, dict[str, float]] = {}  # smoothed probabilities by clip
        self._start()

    def _start(self) -> None:
        self._norms: list[float] = []
        self._seconds: list[float] = []
        self._answers: list[Answer] = []

    def step(self, state: NDArray[np.float32], seconds: float) -> None:
        """Record the state after an update, and its CPU time.

        Raises ValueError if the state is not finite.
        """
        norm = float(np.linalg.norm(state))
        if not np.isfinite(norm):
            raise ValueError("the state is not finite")
        self._norms.append(norm)
        self._seconds.append(seconds)

    def answer(self, clip: str, genre: str, update: Update, smoothed: Mapping[str, float]) -> None:
        """Record the answer to a reference clip."""
        first = self._first.setdefault(clip, dict(smoothed))
        difference = max(abs(smoothed[label] - first[label]) for label in first)
        self._answers.append(
            Answer(clip, genre, update.top, round(update.confidence, 5), round(difference, 7))
        )

    def finish(self, seconds: float, behind: float) -> None:
        """Complete the interval that ends after so many seconds of audio."""
        p50, p99 = np.percentile(self._seconds, [50, 99]) / speed_kernel(time.thread_time)
        pid = os.getpid()
        own = Path(f"/proc/{pid}")
        self.samples.append(
            Sample(
                hours=round(seconds / 3600, 3),
                rss_mb=round(memory(pid, "VmRSS"), 1),
                threads=sum(1 for _ in (own / "task").iterdir()),
                descriptors=sum(1 for _ in (own / "fd").iterdir()) - 1,  # without this listing
                state_mean=round(float(np.mean(self._norms)), 3),
                state_largest=round(float(np.max(self._norms)), 3),
                step_p50=round(float(p50), 4),
                step_p99=round(float(p99), 4),
                behind_s=round(behind, 3),
                answers=tuple(self._answers),
            )
        )
        self._progress(self.samples[-1])
        self._start()


def print_sample(sample: Sample) -> None:
    """Print a sample as a line of JSON."""
    print(json.dumps(to_json(sample), allow_nan=False), flush=True)
