"""Methods to step many streams: by the engine, on the device, and as a CUDA graph.

Each returns a function that performs one step with carried states and copies the probabilities to
the host.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from streamgenre.model.card import Hop
from streamgenre.model.engine import Engine, initial_state
from streamgenre.model.torch import NetworkEngine

from ..common import MismatchError, music

Step = Callable[[], object]


def start(engine: Engine, hop: Hop, streams: int) -> tuple[Any, Any]:
    """Windows (streams, window) from different positions in the music, and states."""
    audio = music(60.0)
    starts = np.arange(streams) * 997 % (len(audio) - hop.window)
    windows = np.stack([audio[start : start + hop.window] for start in starts])
    return windows, initial_state(engine.card, streams)


def host_step(engine: Engine, hop: Hop, streams: int) -> Step:
    """The step of the engine, with copies from and to the host."""
    windows, state = start(engine, hop, streams)

    def step() -> None:
        nonlocal state
        state = engine.step(windows, state).next_state

    return step


def device_step(engine: NetworkEngine, device: str, hop: Hop, streams: int) -> Step:
    """The network alone; windows and state stay on the device."""
    import torch

    windows, state = (torch.from_numpy(part).to(device) for part in start(engine, hop, streams))

    def step() -> None:
        nonlocal state
        given = engine.network(windows, state)
        state = given.next_state
        given.probabilities.cpu()

    return step


def graph_step(engine: NetworkEngine, hop: Hop, streams: int, *, from_host: bool) -> Step:
    """A captured step that is replayed on the same tensors."""
    import torch

    parts = start(engine, hop, streams)
    host = torch.from_numpy(parts[0]).pin_memory()
    windows, state = (torch.from_numpy(part).to("cuda") for part in parts)
    # PyTorch requires warm-up runs in a side stream before the capture.
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
    if not difference < 1e-3:
        raise MismatchError(f"the probabilities of the CUDA graph differ by {difference}")

    def step() -> None:
        if from_host:
            windows.copy_(host, non_blocking=True)
        graph.replay()
        given.probabilities.cpu()

    return step


@contextmanager
def exact() -> Iterator[None]:
    """The settings of the engine: no gradients, no TF32."""
    import torch

    with torch.no_grad(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield
