"""Training throughput, and whether reading the sequences slows it down.

Windows per second with batches that are read during training, relative to the same batches read
beforehand. The cases are interleaved in one run, so that variations of the machine affect both.
"""

from __future__ import annotations

import importlib.util
import statistics
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from streamgenre.audio.files import decode_mono

from .common import EXAMPLES, RATE, Options, Skipped, Spread, table

if TYPE_CHECKING:
    from training.streams.sequences import Batch
    from training.trainer.learner import Learner

TITLE = "training, and whether reading the music keeps it waiting"

_CASES = {
    "trunk, frozen": ("trunk", True, []),
    "trunk, whole": ("trunk", False, ["sequences.lanes=8"]),
    "tfcrnn, width 32": ("tfcrnn", False, ["network.width=32", "sequences.lanes=8"]),
}


@dataclass(frozen=True)
class Throughput:
    """The throughput of one network."""

    windows_a_second: float
    without_loading: float
    share: Spread  # with loading, relative to without


def measure(options: Options) -> dict[str, Throughput]:
    """Measure each network with and without loading."""
    if importlib.util.find_spec("torch") is None:
        raise Skipped("needs PyTorch: pip install '.[train]'")
    import torch

    from streamgenre.networks import build
    from training.config import read_config
    from training.streams.feed import Feed
    from training.streams.sequences import Clip
    from training.trainer.learner import Learner

    clips = sorted(EXAMPLES.glob("*.ogg"))
    music = [
        Clip((decode_mono(path, RATE) * 32767).astype(np.int16), i % 3, True)
        for i, path in enumerate(clips)
    ]
    repeats, updates = (1, 2) if options.quick else (5, 6)
    networks = {}
    for name, (config_name, frozen, changes) in _CASES.items():
        config = read_config(config_name, ["network.classes=3", *changes])
        network = build(config.network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        learner = Learner(network, config.optimiser, frozen=frozen)
        feed = Feed(music, (), config.sequences, 1)

        with_loading, without = [], []
        for repeat in range(repeats + 1):  # the first is a warm-up
            first = repeat * updates
            ready = list(feed.batches(network, first, first + updates))
            going = feed.batches(network, first - 1 if first else 0, first + updates)
            if first:
                next(going)  # starts the reader thread, as in the middle of a run
            pair = (_windows_a_second(learner, going), _windows_a_second(learner, ready))
            if repeat:
                with_loading.append(pair[0])
                without.append(pair[1])
        shares = [a / b for a, b in zip(with_loading, without, strict=True)]
        networks[name] = Throughput(
            windows_a_second=statistics.median(with_loading),
            without_loading=statistics.median(without),
            share=Spread.of(shares),
        )
    return networks


def _windows_a_second(learner: Learner, batches: Iterable[tuple[int, Batch]]) -> float:
    """Time forward and backward passes over the batches, with a carried state."""
    import torch

    from training.trainer.learner import Inputs

    states: dict[int, torch.Tensor] = {}
    windows, start = 0, time.perf_counter()
    for hop, batch in batches:
        state = states.get(hop, torch.zeros(len(batch.windows), learner.network.state_size))
        loss, states[hop] = learner(Inputs(batch, state), lambda count: count.float())
        loss.backward()
        windows += batch.windows.shape[0] * batch.windows.shape[1]
    return windows / (time.perf_counter() - start)


def report(result: dict[str, Throughput]) -> list[str]:
    """One table."""
    rows = [
        [
            name,
            f"{one.windows_a_second:.1f}",
            f"{one.without_loading:.1f}",
            one.share.format(2),
        ]
        for name, one in result.items()
    ]
    count = next(iter(result.values())).share.count
    return [
        f"Windows of music a second, forward and backward, median of {count}; what is kept with "
        "loading is the ratio of spans in turn, median (least to most):",
        table(("network", "with loading", "read beforehand", "kept with loading"), rows),
    ]
