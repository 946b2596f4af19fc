"""Ways to step many streams at once: by the engine, with all on the device, and as a CUDA graph.

Each is made for a number of streams and gives a function that does one step, states carried, and
ends with the probabilities in the host's memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from streamgenre.model.card import Hop
from streamgenre.model.engine import Engine, initial_state
from streamgenre.model.torch import NetworkEngine

from ..common import music

Step = Callable[[], object]


def start(engine: Engine, hop: Hop, streams: int) -> tuple[Any, Any]:
    """Windows (streams, window), each of another place in the music, and states."""
    audio = music(60.0)
    starts = np.arange(streams) * 997 % (len(audio) - hop.window)
    windows = np.stack([audio[start : start + hop.window] for start in starts])
    return windows, initial_state(engine.card, streams)


def host_step(engine: Engine, hop: Hop, streams: int) -> Step:
    """The engine's own step: everything from the host, and back."""
    windows, state = start(engine, hop, streams)

    def step() -> None:
        nonlocal state
        state = engine.step(windows, state).next_state

    return step


def device_step(engine: NetworkEngine, device: str, hop: Hop, streams: int) -> Step:
    """The network on windows that are on the device; the state stays there."""
    import torch

    windows, state = (torch.from_numpy(part).to(device) for part in start(engine, hop, streams))

    def step() -> None:
        nonlocal state
        given = engine.network(windows, state)
        state = given.next_state
        given.probabilities.cpu()

    return step


def graph_step(engine: NetworkEngine, hop: Hop, streams: int, *, from_host: bool) -> Step:
    """One captured step, replayed: it reads and writes the same tensors each time."""
    import torch

    parts = start(engine, hop, streams)
    host = torch.from_numpy(parts[0]).pin_memory()
    windows, state = (torch.from_numpy(part).to("cuda") for part in parts)
    # As PyTorch asks for: what is chosen at the first runs must not be captured.
    beside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(3):
            engine.network(windows, state)
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        given = engine.network(windows, state)
        state.copy_(given.next_state)
    eager = engine.network(windows, state.zero_()).probabilities
    state.zero_()
    graph.replay()
    difference = float((given.probabilities - eager).abs().max())
    assert difference < 1e-3, f"the graph's probabilities are off by {difference}"

    def step() -> None:
        if from_host:
            windows.copy_(host, non_blocking=True)
        graph.replay()
        given.probabilities.cpu()

    return step


@contextmanager
def exact() -> Iterator[None]:
    """As the engine runs its network: no gradients, no short-cut products."""
    import torch

    with torch.no_grad(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield
