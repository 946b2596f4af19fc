"""Latency of one update, from a hop of samples to the update, on one thread.

What a user calls: `model.stream(hop).feed(samples, 16000)` with exactly one hop, which includes
mixing, front end, network, decision and update. The share of the network is measured inside the
same calls. Four cases: the first steps of a fresh process; back to back, best of five interleaved
runs; in real time, one step per hop, with cold caches; and the same with all other cores busy.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from streamgenre.model.model import BUNDLED, Model, load

from ..common import ROOT, Options, Percentiles, Spread, in_turn, music, table
from ..fed import Fed
from ..stages import Stages, pipeline
from . import busy

TITLE = "latency of one update"

_SECONDS = 60  # of music, repeated
_FRESH_STEPS = 12
_WARM_UP = 10


@dataclass(frozen=True)
class Times:
    """Times of the steps of a run, and of the network in them."""

    step: Percentiles
    network: Percentiles


@dataclass(frozen=True)
class Fresh:
    """The first steps of a fresh process."""

    model: str
    hop: float
    load_s: Spread
    first_ms: Spread
    second_ms: Spread
    later_ms: Spread


@dataclass(frozen=True)
class BackToBack:
    """Runs of steps without pauses."""

    model: str
    hop: float
    runs: tuple[Times, ...]


@dataclass(frozen=True)
class Paced:
    """Steps in real time."""

    model: str
    hop: float
    others: str  # "idle" or "busy": the other cores
    step: Percentiles
    network: Percentiles


@dataclass(frozen=True)
class Latency:
    """The result of this measurement."""

    fresh: tuple[Fresh, ...]
    back_to_back: tuple[BackToBack, ...]
    paced: tuple[Paced, ...]


def measure(options: Options) -> Latency:
    """Measure first steps, back to back, and in real time."""
    if options.quick:
        return Latency(fresh(1), back_to_back(2, 50), paced(6))
    return Latency(fresh(5), back_to_back(5, 2_000), paced(120))


def fresh(rounds: int) -> tuple[Fresh, ...]:
    """Measure the first steps in new processes; the cases are interleaved."""
    taken_by_case: dict[tuple[str, float], list[tuple[float, list[float]]]] = {}

    def one(variant: str, hop: float) -> Callable[[], None]:
        command = [sys.executable, "-m", "bench.fed", variant, f"{hop}"]
        samples = music(_FRESH_STEPS * hop).tobytes()
        taken = taken_by_case.setdefault((variant, hop), [])
        return lambda: taken.append(
            json.loads(
                subprocess.run(
                    command, input=samples, stdout=subprocess.PIPE, check=True, cwd=ROOT
                ).stdout
            )
        )

    cases = {f"{variant} {hop}": one(variant, hop) for variant, hop in _cases()}
    in_turn(cases, rounds)
    rows = []
    for (variant, hop), taken in taken_by_case.items():
        warm = taken[1:]  # the first round reads files and compiles kernels
        steps = [times for _, times in warm]
        rows.append(
            Fresh(
                model=variant,
                hop=hop,
                load_s=Spread.of([loaded for loaded, _ in warm]),
                first_ms=Spread.of([times[0] * 1e3 for times in steps]),
                second_ms=Spread.of([times[1] * 1e3 for times in steps]),
                later_ms=Spread.of([t * 1e3 for times in steps for t in times[2:]]),
            )
        )
    return tuple(rows)


def back_to_back(rounds: int, steps: int) -> tuple[BackToBack, ...]:
    """Measure every run of every case; the cases are interleaved."""
    cases = _cases()
    fed = [_fed(variant, hop) for variant, hop in cases]
    runs: list[list[Times]] = [[] for _ in cases]
    for _ in range(rounds):
        for times, one in zip(runs, fed, strict=True):
            times.append(_clocked(one.back_to_back, steps))
    return tuple(
        BackToBack(variant, hop, tuple(times))
        for (variant, hop), times in zip(cases, runs, strict=True)
    )


def paced(steps: int) -> tuple[Paced, ...]:
    """Measure at the hop for live audio, with the other cores idle and busy."""
    rows = []
    others = max(1, (os.cpu_count() or 1) - 1)
    for variant in BUNDLED:
        hop = _model(variant).card.live_hop
        for name, processes in (("idle", 0), ("busy", others)):
            fed = _fed(variant, hop)
            with busy.busy(processes):
                times = _clocked(fed.paced, steps)
            rows.append(Paced(variant, hop, name, times.step, times.network))
    return tuple(rows)


@cache
def _model(variant: str) -> Model:
    return load(variant)


def _cases() -> list[tuple[str, float]]:
    return [(variant, hop.seconds) for variant in BUNDLED for hop in _model(variant).card.hops]


def _fed(variant: str, hop: float) -> Fed:
    """A stream after its first steps."""
    fed = Fed(_model(variant), hop, music(_SECONDS))
    fed.back_to_back(_WARM_UP)
    return fed


def _clocked(run: Callable[[int], list[float]], steps: int) -> Times:
    """Time the steps of a run, and the network in them."""
    with Stages({"network": pipeline()["model"]}, time.perf_counter) as stages:
        whole = run(steps)
    return Times(Percentiles.of(whole), Percentiles.of(stages.calls["network"]))


def report(result: Latency) -> list[str]:
    """Three tables."""
    return [
        *_report_back_to_back(result.back_to_back),
        *_report_paced(result.paced),
        *_report_fresh(result.fresh),
    ]


def _report_back_to_back(cases: Sequence[BackToBack]) -> list[str]:
    rows = []
    for one in cases:
        best = min(one.runs, key=lambda run: run.step.p99)
        every = ", ".join(f"{run.step.p99:.2f}" for run in one.runs)
        speed = one.hop / best.step.p50 * 1e3
        figures = _figures(best.step, best.network)
        rows.append([one.model, f"{one.hop:g} s", *figures, f"{speed:.0f}", every])
    first = cases[0].runs
    return [
        f"Back to back, {first[0].step.count} steps per run, the run with the best p99 of "
        f"{len(first)}, in ms; then the speed relative to real time at p50, and the p99 of all "
        "runs:",
        table(("model", "hop", *_HEAD, "real time", "every p99"), rows),
    ]


def _report_paced(cases: Sequence[Paced]) -> list[str]:
    rows = [
        [one.model, f"{one.hop:g} s", one.others, *_figures(one.step, one.network)] for one in cases
    ]
    return [
        f"In real time, one step per hop, {cases[0].step.count} steps, other cores idle or busy "
        "with matrix products, in ms:",
        table(("model", "hop", "other cores", *_HEAD), rows),
    ]


def _report_fresh(cases: Sequence[Fresh]) -> list[str]:
    rows = [
        [one.model, f"{one.hop:g} s"]
        + [part.format(2) for part in (one.load_s, one.first_ms, one.second_ms, one.later_ms)]
        for one in cases
    ]
    return [
        "The first steps of a new process, with files cached and kernels compiled, median of "
        f"{cases[0].load_s.count} processes (minimum to maximum):",
        table(
            ("model", "hop", "import and load, s", "first step, ms", "second", "the next ten"), rows
        ),
    ]


_HEAD = ("p50", "p95", "p99", "p99.9", "worst", "network p50", "network p99")


def _figures(step: Percentiles, network: Percentiles) -> list[str]:
    values = (step.p50, step.p95, step.p99, step.p999, step.worst, network.p50, network.p99)
    return [f"{value:.2f}" for value in values]
