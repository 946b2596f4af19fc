"""The speed of this machine: a reference kernel, and the latency of one step.

Absolute times do not compare across machines. Relate them to the time of the speed kernel in the
same run.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .model.card import Hop
from .model.engine import initial_state
from .model.model import Model
from .signals import synthetic_music


def machine() -> str:
    """Processor, number of cores, system and Python version, on one line."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:  # noqa: PTH123
            name = next(line.split(":", 1)[1].strip() for line in info if "model name" in line)
    except (OSError, StopIteration):
        pass
    system = f"{platform.system()} {platform.machine()}"
    return f"{name}, {os.cpu_count()} cores, {system}, Python {platform.python_version()}"


def speed_kernel(clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds for a fixed computation, FFTs and a matrix product: the best of five runs.

    `clock`: `time.thread_time` measures CPU time, for comparisons with CPU time under load.
    """
    rng = np.random.default_rng(0)
    signal, matrix = rng.standard_normal(2**18), rng.standard_normal((384, 384))

    def work() -> None:
        for _ in range(4):
            np.fft.rfft(signal)
        matrix @ matrix

    return min(seconds_of(work, clock) for _ in range(5))


def seconds_of(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds of one call by a clock."""
    began = clock()
    work()
    return clock() - began


@dataclass(frozen=True)
class Latency:
    """Percentiles of the latency of one step in milliseconds, and the real-time factor."""

    p50: float
    p95: float
    p99: float
    real_time: float

    def __str__(self) -> str:
        return f"{self.p50:6.2f} {self.p95:6.2f} {self.p99:6.2f} ms {self.real_time:7.0f}x"


def step_latency(model: Model, hop: Hop, steps: int = 200) -> Latency:
    """Latency of the engine's step at a hop, with the state carried, after a warm-up."""
    rate = model.card.sample_rate
    signal = synthetic_music(hop.window / rate + 20, rate)
    state = initial_state(model.card, hop=hop)
    times = []
    for i in range(steps + 10):
        start = i * hop.samples % (len(signal) - hop.window)
        window = signal[None, start : start + hop.window]
        began = time.perf_counter()
        state = model.engine.step(window, state).next_state
        times.append(time.perf_counter() - began)
    p50, p95, p99 = np.percentile(times[10:], [50, 95, 99]) * 1e3
    return Latency(p50, p95, p99, hop.seconds / (p50 / 1e3))
