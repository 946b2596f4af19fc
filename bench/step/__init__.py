"""How long an update takes, from a hop of samples to the update, on one thread.

What a user calls: `model.stream(hop).feed(samples, 16000)` with exactly one hop, so that mixing,
front end, network, decision and update are in it; beside it the part of the network alone, from a
clock around the engine inside the same calls. Four ways: the first steps of a fresh process; back
to back, best of five runs, the cases in turn; at the true pace, one step every hop, so that caches
have gone cold in between; and that with every other core at work.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from streamgenre.model.model import BUNDLED, Model, load

from ..common import PERCENTILES, ROOT, Options, Spread, in_turn, music, percentiles, shown, table
from ..stages import Stages, pipeline
from . import busy
from .fed import Fed

TITLE = "latency of one update"

_SECONDS = 60  # of music, over and over
_FRESH_STEPS = 12
_WARM_UP = 10


def measure(options: Options) -> dict[str, Any]:
    """First steps, back to back, paced."""
    if options.quick:
        return {"fresh": fresh(1), "back_to_back": back_to_back(2, 50), "paced": paced(6)}
    return {"fresh": fresh(5), "back_to_back": back_to_back(5, 2_000), "paced": paced(120)}


def fresh(rounds: int) -> list[dict[str, Any]]:
    """The first steps in processes of their own, the cases in turn."""
    found: dict[tuple[str, float], list[tuple[float, list[float]]]] = {}

    def one(variant: str, hop: float) -> Callable[[], None]:
        command = [sys.executable, "-m", "bench.step.fed", variant, f"{hop}"]
        samples = music(_FRESH_STEPS * hop).tobytes()
        taken = found.setdefault((variant, hop), [])
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
    for (variant, hop), taken in found.items():
        warm = taken[1:]  # the first round brought files into memory and compiled kernels
        steps = [times for _, times in warm]
        rows.append(
            {
                "model": variant,
                "hop": hop,
                "load_s": Spread.of([loaded for loaded, _ in warm]).to_json(),
                "first_ms": Spread.of([times[0] * 1e3 for times in steps]).to_json(),
                "second_ms": Spread.of([times[1] * 1e3 for times in steps]).to_json(),
                "later_ms": Spread.of([t * 1e3 for times in steps for t in times[2:]]).to_json(),
            }
        )
    return rows


def back_to_back(rounds: int, steps: int) -> list[dict[str, Any]]:
    """Percentiles of every run of every case, the cases in turn."""
    rows: list[dict[str, Any]] = [
        {"model": variant, "hop": hop, "runs": []} for variant, hop in _cases()
    ]
    fed = [_fed(row["model"], row["hop"]) for row in rows]
    for _ in range(rounds):
        for row, one in zip(rows, fed, strict=True):
            row["runs"].append(_clocked(one.back_to_back, steps))
    return rows


def paced(steps: int) -> list[dict[str, Any]]:
    """Percentiles at the hop for live audio, with the other cores idle and busy."""
    rows = []
    others = max(1, (os.cpu_count() or 1) - 1)
    for variant in BUNDLED:
        hop = _model(variant).card.live_hop
        for name, processes in (("idle", 0), ("busy", others)):
            fed = _fed(variant, hop)
            with busy.busy(processes):
                found = _clocked(fed.paced, steps)
            rows.append({"model": variant, "hop": hop, "others": name, **found})
    return rows


@cache
def _model(variant: str) -> Model:
    return load(variant)


def _cases() -> list[tuple[str, float]]:
    return [(variant, hop.seconds) for variant in BUNDLED for hop in _model(variant).card.hops]


def _fed(variant: str, hop: float) -> Fed:
    """A stream with its first steps behind it."""
    fed = Fed(_model(variant), hop, music(_SECONDS))
    fed.back_to_back(_WARM_UP)
    return fed


def _clocked(run: Callable[[int], list[float]], steps: int) -> dict[str, dict[str, float]]:
    """Percentiles of a run's steps, and of the network in them."""
    with Stages({"network": pipeline()["model"]}, time.perf_counter) as stages:
        whole = run(steps)
    return {"step": percentiles(whole), "network": percentiles(stages.calls["network"])}


def report(found: dict[str, Any]) -> list[str]:
    """Three tables."""
    return [
        *_report_back_to_back(found["back_to_back"]),
        "",
        *_report_paced(found["paced"]),
        "",
        *_report_fresh(found["fresh"]),
    ]


def _report_back_to_back(found: list[dict[str, Any]]) -> list[str]:
    rows = []
    for one in found:
        best = min(one["runs"], key=lambda run: run["step"]["p99"])
        every = ", ".join(f"{run['step']['p99']:.2f}" for run in one["runs"])
        speed = one["hop"] / best["step"]["p50"] * 1e3
        rows.append([one["model"], f"{one['hop']:g} s", *_figures(best), f"{speed:.0f}", every])
    first = found[0]["runs"]
    return [
        f"Back to back, {first[0]['step']['count']} steps a run, the best of {len(first)} runs by "
        "its p99, in ms; then times real time at p50, and the p99 of all runs:",
        "",
        *table(("model", "hop", *_HEAD, "real time", "every p99"), rows),
    ]


def _report_paced(found: list[dict[str, Any]]) -> list[str]:
    rows = [[one["model"], f"{one['hop']:g} s", one["others"], *_figures(one)] for one in found]
    return [
        f"At the true pace, a step each hop, {found[0]['step']['count']} steps, other cores idle "
        "or each with a process that multiplies matrices, in ms:",
        "",
        *table(("model", "hop", "other cores", *_HEAD), rows),
    ]


def _report_fresh(found: list[dict[str, Any]]) -> list[str]:
    rows = [
        [one["model"], f"{one['hop']:g} s"]
        + [shown(one[key], 2) for key in ("load_s", "first_ms", "second_ms", "later_ms")]
        for one in found
    ]
    return [
        "The first steps of a fresh process, files in memory and kernels compiled before, median "
        f"of {found[0]['load_s']['count']} processes (least to most):",
        "",
        *table(
            ("model", "hop", "import and load, s", "first step, ms", "second", "the next ten"), rows
        ),
    ]


_HEAD = (*PERCENTILES, "worst", *(f"network {name}" for name in ("p50", "p99")))


def _figures(one: Mapping[str, Any]) -> list[str]:
    step, network = one["step"], one["network"]
    values = [step[name] for name in (*PERCENTILES, "worst")] + [network["p50"], network["p99"]]
    return [f"{value:.2f}" for value in values]
