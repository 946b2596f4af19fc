"""The torch engine on CUDA: parity with the CPU, latency of a step, and throughput.

Parity: the same music in both engines, each with its own carried state. Latency: one stream, from
the window in host memory to the probabilities in host memory. Throughput: many streams, with
windows copied from the host in each step as in the engine, or with windows and states on the
device, which is the time of the network. Both are also measured as a CUDA graph, which launches all
kernels of a step at once.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from streamgenre.model.card import Hop
from streamgenre.model.engine import Engine, initial_state
from streamgenre.model.model import load
from streamgenre.model.torch import NetworkEngine

from ..common import Options, Skipped, music, table
from .ways import Step, device_step, exact, graph_step, host_step

TITLE = "The torch engine on a GPU: parity with the CPU, latency, streams at once"

_BATCHES = (1, 64, 512, 4_096)
_WARM = 20  # warm-up steps, in which kernels are selected and memory is allocated


@dataclass(frozen=True)
class Parity:
    """Largest differences over consecutive steps, and agreement of the genre."""

    probabilities: float
    music: float
    next_state: float
    same_genre: float


@dataclass(frozen=True)
class Latency:
    """Time of a step."""

    p50_ms: float
    p99_ms: float


@dataclass(frozen=True)
class GpuResult:
    """The result of this measurement."""

    device: str
    versions: str
    hops: tuple[float, ...]
    steps: int
    parity: Parity
    cpu: Latency
    batches: dict[str, dict[str, Latency | None]]  # by streams and method; None: out of memory


def measure(options: Options) -> GpuResult:
    """Measure on the first CUDA device."""
    if importlib.util.find_spec("torch") is None:
        raise Skipped("needs PyTorch: pip install '.[train]'")
    import torch

    if not torch.cuda.is_available():
        raise Skipped(
            f"no CUDA device that PyTorch {torch.__version__} can use: needs a machine with an "
            "NVIDIA GPU and a build of PyTorch for CUDA"
        )
    engine = load(compute="cuda").engine
    assert isinstance(engine, NetworkEngine)
    steps, batches = (50, _BATCHES[:2]) if options.quick else (500, _BATCHES)
    return replace(
        _measure_on(engine, "cuda", steps, batches),
        device=torch.cuda.get_device_name(),
        versions=f"PyTorch {torch.__version__}, CUDA {torch.version.cuda}",
    )


def _measure_on(
    engine: NetworkEngine, device: str, steps: int, batches: tuple[int, ...]
) -> GpuResult:
    """Measure parity and times over `steps`; large batches use fewer steps."""
    on_cpu = load(compute="cpu").engine
    hop = engine.card.hop(engine.card.live_hop)
    counts = {streams: max(10, steps // streams) if streams > 1 else steps for streams in batches}
    return GpuResult(
        device=device,
        versions="",
        hops=tuple(one.seconds for one in engine.card.hops),
        steps=steps,
        parity=_parity(engine, on_cpu, hop, steps),
        cpu=_latency(host_step(on_cpu, hop, 1), steps),
        batches={str(n): _batch(engine, device, hop, n, count) for n, count in counts.items()},
    )


def _parity(engine: Engine, reference: Engine, hop: Hop, steps: int) -> Parity:
    """Compare two engines over consecutive steps."""
    states = [initial_state(engine.card)] * 2
    worst = {"probabilities": 0.0, "music": 0.0, "next_state": 0.0}
    same = 0
    for window in _windows(hop, steps):
        given, right = engine.step(window, states[0]), reference.step(window, states[1])
        states = [given.next_state, right.next_state]
        for name in worst:
            difference = np.abs(getattr(given, name) - getattr(right, name)).max()
            worst[name] = max(worst[name], float(difference))
        same += int(given.probabilities.argmax() == right.probabilities.argmax())
    return Parity(**worst, same_genre=same / steps)


def _windows(hop: Hop, steps: int) -> Iterator[NDArray[np.float32]]:
    """Consecutive windows (1, window) of music."""
    audio = music(60.0)
    for i in range(steps):
        start = i * hop.samples % (len(audio) - hop.window)
        yield audio[None, start : start + hop.window].copy()  # torch needs a writeable array


def _batch(
    engine: NetworkEngine, device: str, hop: Hop, streams: int, steps: int
) -> dict[str, Latency | None]:
    """Measure each method for a number of streams; None if the device is out of memory."""
    import torch

    ways: dict[str, Callable[[], Step]] = {
        "engine": lambda: host_step(engine, hop, streams),
        "device": lambda: device_step(engine, device, hop, streams),
    }
    if device == "cuda":
        ways["engine, graph"] = lambda: graph_step(engine, hop, streams, from_host=True)
        ways["device, graph"] = lambda: graph_step(engine, hop, streams, from_host=False)
    latencies: dict[str, Latency | None] = {}
    for name, way in ways.items():
        try:
            with exact():
                latencies[name] = _latency(way(), steps)
        except torch.cuda.OutOfMemoryError:
            latencies[name] = None
        if device == "cuda":
            torch.cuda.empty_cache()  # graphs have their own memory pool
    return latencies


def _latency(step: Step, steps: int) -> Latency:
    """Time a step, until its probabilities are in host memory."""
    for _ in range(_WARM):
        step()
    taken = []
    for _ in range(steps):
        began = time.perf_counter()
        step()
        taken.append((time.perf_counter() - began) * 1e3)
    return Latency(*map(float, np.percentile(taken, [50, 99])))


def report(result: GpuResult) -> list[str]:
    """Parity, then a row for each number of streams."""
    parity = result.parity
    rows = []
    for streams, latencies in result.batches.items():
        for way, latency in latencies.items():
            if latency is None:
                rows.append([streams, way, "not enough memory", "–", *["–" for _ in result.hops]])
                continue
            rates = [int(streams) * hop * 1e3 / latency.p50_ms for hop in result.hops]
            rows.append(
                [
                    streams,
                    way,
                    f"{latency.p50_ms:.3f} ms",
                    f"{latency.p99_ms:.3f} ms",
                    *(f"{rate:,.0f}" for rate in rates),
                ]
            )
    where = ", ".join(part for part in (result.device, result.versions) if part)
    return [
        f"{where}. Over {result.steps} carried steps the largest differences to ONNX Runtime on "
        f"the CPU are {parity.probabilities:.1e} in a probability, {parity.music:.1e} in "
        f"music, {parity.next_state:.1e} in the state; the same genre leads in "
        f"{parity.same_genre:.1%} of the steps. One stream on the CPU, one core, same run: "
        f"{result.cpu.p50_ms:.2f} ms, p99 {result.cpu.p99_ms:.2f}.",
        table(
            [
                "streams at once",
                "way",
                "a step, p50",
                "p99",
                *(f"times real time at {hop:g} s" for hop in result.hops),
            ],
            rows,
        ),
        "`engine`: windows from the host and everything back, as the engine steps; `device`: "
        "windows and states stay on the device, probabilities come back; `graph`: as a CUDA graph, "
        "probabilities back. Times real time: seconds of audio of all streams together, in a "
        "second.",
    ]
