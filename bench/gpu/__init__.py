"""The torch engine on CUDA: does it agree with the CPU, how soon is a step there, how many streams.

Parity: the same music through both engines, each carrying its own state. Latency: one stream, its
window from the host's memory, its probabilities back there. Streams: many at once, in two ways: as
the engine steps them, windows from the host each time; and with windows and states on the device,
probabilities back, which is what the network itself takes. Both of these also as a CUDA graph, one
launch for all kernels of a step.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator
from typing import Any

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
_WARM = 20  # steps before those that count: kernels are chosen and memory is taken then


def measure(options: Options) -> dict[str, Any]:
    """All of it, on the first CUDA device."""
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
    found = _measure_on(engine, "cuda", steps, batches)
    return {
        "device": torch.cuda.get_device_name(),
        "versions": f"PyTorch {torch.__version__}, CUDA {torch.version.cuda}",
        **found,
    }


def _measure_on(
    engine: NetworkEngine, device: str, steps: int, batches: tuple[int, ...]
) -> dict[str, Any]:
    """Parity over `steps`, and the time of as many; of fewer where many streams are at once."""
    on_cpu = load(compute="cpu").engine
    hop = engine.card.hop(engine.card.live_hop)
    found: dict[str, Any] = {
        "hops": [one.seconds for one in engine.card.hops],
        "steps": steps,
        "parity": _parity(engine, on_cpu, hop, steps),
        "cpu": _latency(host_step(on_cpu, hop, 1), steps),
        "batches": {},
    }
    for streams in batches:
        count = max(10, steps // streams) if streams > 1 else steps
        found["batches"][str(streams)] = _batch(engine, device, hop, streams, count)
    return found


def _parity(engine: Engine, reference: Engine, hop: Hop, steps: int) -> dict[str, float]:
    """Largest differences over steps in a row."""
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
    return {**worst, "same_genre": same / steps}


def _windows(hop: Hop, steps: int) -> Iterator[NDArray[np.float32]]:
    """Windows (1, window) of music, one hop further each."""
    audio = music(60.0)
    for i in range(steps):
        start = i * hop.samples % (len(audio) - hop.window)
        yield audio[None, start : start + hop.window].copy()  # torch wants it writeable


def _batch(
    engine: NetworkEngine, device: str, hop: Hop, streams: int, steps: int
) -> dict[str, Any]:
    """Each way to step so many streams; None where the device has not the memory for it."""
    import torch

    ways: dict[str, Callable[[], Step]] = {
        "engine": lambda: host_step(engine, hop, streams),
        "device": lambda: device_step(engine, device, hop, streams),
    }
    if device == "cuda":
        ways["engine, graph"] = lambda: graph_step(engine, hop, streams, from_host=True)
        ways["device, graph"] = lambda: graph_step(engine, hop, streams, from_host=False)
    found: dict[str, Any] = {}
    for name, way in ways.items():
        try:
            with exact():
                found[name] = _latency(way(), steps)
        except torch.cuda.OutOfMemoryError:
            found[name] = None
        if device == "cuda":
            torch.cuda.empty_cache()  # graphs keep memory of their own
    return found


def _latency(step: Step, steps: int) -> dict[str, float]:
    """Milliseconds of a step; each ends with its probabilities in the host's memory."""
    for _ in range(_WARM):
        step()
    taken = []
    for _ in range(steps):
        began = time.perf_counter()
        step()
        taken.append((time.perf_counter() - began) * 1e3)
    p50, p99 = np.percentile(taken, [50, 99])
    return {"p50_ms": float(p50), "p99_ms": float(p99)}


def report(found: dict[str, Any]) -> list[str]:
    """Parity, then a row for each number of streams."""
    parity = found["parity"]
    ways = list(next(iter(found["batches"].values())))
    rows = []
    for streams, one in found["batches"].items():
        for way in ways:
            time_of = one[way]
            if time_of is None:
                rows.append([streams, way, "not enough memory", "–", *["–" for _ in found["hops"]]])
                continue
            rates = [int(streams) * hop * 1e3 / time_of["p50_ms"] for hop in found["hops"]]
            rows.append(
                [
                    streams,
                    way,
                    f"{time_of['p50_ms']:.3f} ms",
                    f"{time_of['p99_ms']:.3f} ms",
                    *(f"{rate:,.0f}" for rate in rates),
                ]
            )
    cpu = found["cpu"]
    where = ", ".join(found[key] for key in ("device", "versions") if key in found)
    return [
        f"{where}. Over {found['steps']} carried steps the largest differences to ONNX Runtime on "
        f"the CPU are {parity['probabilities']:.1e} in a probability, {parity['music']:.1e} in "
        f"music, {parity['next_state']:.1e} in the state; the same genre leads in "
        f"{parity['same_genre']:.1%} of the steps. One stream on the CPU, one core, same run: "
        f"{cpu['p50_ms']:.2f} ms, p99 {cpu['p99_ms']:.2f}.",
        "",
        *table(
            [
                "streams at once",
                "way",
                "a step, p50",
                "p99",
                *(f"times real time at {hop:g} s" for hop in found["hops"]),
            ],
            rows,
        ),
        "",
        "`engine`: windows from the host and everything back, as the engine steps; `device`: "
        "windows and states stay on the device, probabilities come back; `graph`: as a CUDA graph, "
        "probabilities back. Times real time: seconds of audio of all streams together, in a "
        "second.",
    ]
