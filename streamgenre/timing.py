"""How fast this machine is: a calibration kernel, and the latency of one step.

Absolute times say little across machines; the calibration kernel, timed in the same run, is what
they are to be held against.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .model.card import Hop
from .model.engine import initial_state
from .model.model import Model


def machine() -> str:
    """Processor, cores, system and Python, in one line."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:  # noqa: PTH123
            name = next(line.split(":", 1)[1].strip() for line in info if "model name" in line)
    except (OSError, StopIteration):
        pass
    system = f"{platform.system()} {platform.machine()}"
    return f"{name}, {os.cpu_count()} cores, {system}, Python {platform.python_version()}"


def calibration() -> float:
    """Seconds of a fixed piece of work, FFTs and a matrix product: the best of five rounds."""
    rng = np.random.default_rng(0)
    signal, matrix = rng.standard_normal(2**18), rng.standard_normal((384, 384))

    def work() -> None:
        for _ in range(4):
            np.fft.rfft(signal)
        matrix @ matrix

    return min(seconds_of(work) for _ in range(5))


def seconds_of(work: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def test_signal(seconds: float, sample_rate: int, seed: int = 0) -> NDArray[np.float32]:
    """Chords, a beat and hiss: float32 (n,) that makes a network work as music does."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * sample_rate)) / sample_rate
    signal = 0.02 * rng.standard_normal(len(t))
    for start in range(0, int(seconds) + 1, 2):
        root = 110 * 2 ** (rng.integers(0, 12) / 12)
        inside = (t >= start) & (t < start + 2)
        for ratio in (1, 1.25, 1.5, 2, 3):
            signal[inside] += 0.08 * np.sin(2 * np.pi * root * ratio * t[inside])
    signal += 0.3 * np.exp(-12 * (t % 0.5)) * np.sin(2 * np.pi * 60 * t)
    return np.asarray(np.clip(signal, -1, 1), np.float32)


@dataclass(frozen=True)
class Latency:
    """Milliseconds of one step, and how much faster than real time that is."""

    p50: float
    p95: float
    p99: float
    real_time: float

    def __str__(self) -> str:
        return f"{self.p50:6.2f} {self.p95:6.2f} {self.p99:6.2f} ms {self.real_time:7.0f}x"


def step_latency(model: Model, hop: Hop, steps: int = 200) -> Latency:
    """Latency of the engine's step at a hop, the state carried, after a warm-up."""
    rate = model.card.sample_rate
    signal = test_signal(hop.window / rate + 20, rate)
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
