"""Lower bound of the time of a step, from its multiply-adds and bytes and the machine's peak rates.

The operations of a step are counted in the graph of the model (graph.py), and the rates of a core
are measured (machine.py). With perfect overlap, a step takes the larger of compute and memory time;
without overlap, their sum.

The front end in the file is a dense DFT as a convolution. A program does not need it, so the bound
of an update counts real FFTs of the new frames instead. The parts of the file as it is are listed
too, with their times from the profiler of ONNX Runtime.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import math
import statistics
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamgenre.model.card import Hop
from streamgenre.model.model import Model, load, read_model
from streamgenre.model.session import session

from ..common import Options, Skipped, in_turn, music, table
from ..fed import Fed
from .graph import PARTS, Counts, GraphCounts, inputs_of, of_model, part_of_node
from .machine import mac_rate, read_rate

TITLE = "The floor of a step: multiply-adds and bytes against this machine's peak"

_CACHED = 256 * 1024  # bytes that stay in a second-level cache
_LARGE = 256 * 2**20  # bytes that no cache holds
_FFT, _BANDS, _FRAME_STEP = 512, 128, 160  # of the log-mel (streamgenre/networks/logmel.py)


@dataclass(frozen=True)
class Rates:
    """Peak rates of one core, per second."""

    macs: float
    weights: float  # bytes, of an array as large as the weights
    cached: float  # bytes, from the second-level cache
    large: float  # bytes, from memory


@dataclass(frozen=True)
class Bound:
    """Lower bound of a time, and the measured time."""

    compute_s: float
    memory_s: float
    overlapped_s: float
    sum_s: float
    measured_s: float | None = None


@dataclass(frozen=True)
class Floor:
    """The result of this measurement."""

    counts: GraphCounts
    rates: Rates
    parts: dict[str, Bound]
    updates: dict[str, Bound]  # by hop in seconds


def measure(options: Options) -> Floor:
    """Count operations, and measure rates and times of updates and of the parts of the file."""
    if importlib.util.find_spec("onnx") is None:
        raise Skipped("the graph is read with the onnx package: pip install '.[train]'")
    model, data = load(), read_model(None)[1]
    rounds = 20 if options.quick else 300
    counts = of_model(data)
    rates = Rates(
        macs=mac_rate(rounds),
        weights=read_rate(counts.weight_bytes, rounds),
        cached=read_rate(_CACHED, rounds),
        large=read_rate(_LARGE, max(3, rounds // 30)),
    )
    seconds = _profiled(data, rounds)
    parts = {
        name: replace(floor_of(part, rates), measured_s=seconds.get(name))
        for name, part in counts.parts.items()
    }
    updates = {
        f"{hop.seconds:g}": replace(
            floor_of(_with_fft(counts, hop), rates), measured_s=_update_seconds(model, hop, rounds)
        )
        for hop in model.card.hops
    }
    return Floor(counts, rates, parts, updates)


def floor_of(counts: Counts, rates: Rates) -> Bound:
    """The lower bound of the time for these operations."""
    compute = counts.macs_nonzero / rates.macs
    memory = counts.weight_bytes / rates.weights + counts.activation_bytes / rates.cached
    return Bound(compute, memory, max(compute, memory), compute + memory)


def fft_macs(frames: int) -> int:
    """Multiply-adds of log-mel frames: a real FFT (N log2 N), power, two bands a bin."""
    bins = _FFT // 2 + 1
    return frames * round(_FFT * math.log2(_FFT) + bins + 2 * bins)


def _with_fft(counts: GraphCounts, hop: Hop) -> Counts:
    """Operations of an update: FFTs of the new frames, and everything after the front end."""
    frames = hop.samples // _FRAME_STEP
    needed = Counts.total(part for name, part in counts.parts.items() if name != "front end")
    return replace(
        needed,
        macs_nonzero=needed.macs_nonzero + fft_macs(frames),
        activation_bytes=needed.activation_bytes + 4 * (hop.samples + frames * _BANDS),
    )


def _update_seconds(model: Model, hop: Hop, rounds: int) -> float:
    """Median time of one hop that is fed to a stream, after a warm-up."""
    fed = Fed(model, hop.seconds, music(30.0))
    return statistics.median(fed.back_to_back(rounds + 10)[10:])


def _profiled(data: bytes, rounds: int) -> dict[str, float]:
    """Seconds of each part of the graph in one run, from the profiler of ONNX Runtime.

    The profiler itself takes time, mostly for small nodes. So its shares are applied to the time of
    interleaved runs without it.
    """
    given: dict[str, NDArray[np.float32]] = inputs_of(data)
    name = next(iter(given))
    given[name] = music(30.0)[: given[name].size].reshape(given[name].shape)
    plain = session(data)
    with tempfile.TemporaryDirectory() as folder:
        profiled = session(data, enable_profiling=True, profile_file_prefix=f"{folder}/profile")
        cases = {"plain": plain, "profiled": profiled}
        taken = in_turn(
            {n: functools.partial(one.run, None, given) for n, one in cases.items()}, rounds
        )
        events = json.loads(Path(profiled.end_profiling()).read_text())
    runs = _by_run(events)
    medians = {part: statistics.median(run[part] for run in runs) for part in runs[0]}
    share = statistics.median(taken["plain"]) / sum(medians.values())
    return {part: value * share for part, value in medians.items() if value}


def _by_run(events: list[dict[str, Any]]) -> list[dict[str, float]]:
    """Microseconds of each part, of every run in a profile."""
    runs: list[dict[str, float]] = []
    part, current = PARTS[0], dict.fromkeys(PARTS, 0.0)
    for event in events:
        if event["cat"] == "Node" and event["name"].endswith("_kernel_time"):
            part = part_of_node(event["name"], part)
            current[part] += event["dur"]
        elif event["name"] == "model_run":  # noted after its nodes
            runs.append(current)
            part, current = PARTS[0], dict.fromkeys(PARTS, 0.0)
    return runs


def report(result: Floor) -> list[str]:
    """Updates relative to their bound, then the file by part."""
    rates, counts = result.rates, result.counts
    head = ["", "multiply-adds at peak", "bytes", "floor, overlapped", "floor, summed", "measured",
            "over the floor"]  # fmt: skip
    updates = [[f"an update of {hop} s", *_times(one)] for hop, one in result.updates.items()]
    rows = []
    for part, one in result.parts.items():
        count = counts.parts[part]
        rows.append(
            [
                part,
                f"{count.macs / 1e6:.2f} M",
                f"{count.macs_nonzero / 1e6:.2f} M",
                f"{count.weight_bytes / 1e6:.2f} MB",
                f"{count.activation_bytes / 1e6:.2f} MB",
                *_times(one),
            ]
        )
    return [
        f"One core here: {rates.macs / 1e9:.1f} G multiply-adds a second (float32), reads "
        f"{rates.cached / 1e9:.0f} GB/s from the second-level cache, "
        f"{rates.weights / 1e9:.0f} GB/s of an array as large as the weights, "
        f"{rates.large / 1e9:.0f} GB/s from memory.",
        table(head, updates),
        "An update is one hop fed to a stream, an FFT front end in its floor. The file's graph "
        f"by part, its front end a dense DFT ({counts.macs / 1e6:.1f} M multiply-adds in "
        "all), as ONNX Runtime divides its time:",
        table(["part", "multiply-adds", "not by 0", "weights", "activations", *head[1:]], rows),
        "Floors leave out products with weights that are 0. Activations are counted where a node "
        "with multiply-adds reads or writes them; what lies between could run inside of those. "
        "Over the floor: the overlapped one, and the summed one.",
    ]


def _times(one: Bound) -> list[str]:
    values = (one.compute_s, one.memory_s, one.overlapped_s, one.sum_s)
    cells = [f"{value * 1e3:.3f} ms" for value in values]
    if one.measured_s is None:
        return [*cells, "–", "–"]
    over = f"{one.measured_s / one.overlapped_s:.1f} ({one.measured_s / one.sum_s:.1f})"
    return [*cells, f"{one.measured_s * 1e3:.3f} ms", over]
