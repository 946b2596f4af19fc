"""Training throughput, and whether reading the sequences keeps the processor waiting.

Windows a second with batches read while training goes on, as in training, over that with the same
batches read beforehand: interleaved spans of one run, so that the machine's mood falls on both.
"""

from __future__ import annotations

import importlib.util
import statistics
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from streamgenre.audio.files import decode_mono

from .common import EXAMPLES, RATE, Options, Skipped, Spread, shown, table

if TYPE_CHECKING:
    from training.streams.sequences import Batch
    from training.trainer.learner import Learner

TITLE = "training, and whether reading the music keeps it waiting"

_CASES = {
    "trunk, frozen": ("trunk", True, []),
    "trunk, whole": ("trunk", False, ["sequences.lanes=8"]),
    "tfcrnn, width 32": ("tfcrnn", False, ["network.width=32", "sequences.lanes=8"]),
}


def measure(options: Options) -> dict[str, Any]:
    """Windows a second of each case, and the share kept with loading."""
    if importlib.util.find_spec("torch") is None:
        raise Skipped("needs PyTorch: pip install '.[train]'")
    import torch

    from streamgenre.networks import build
    from training.config import read_config
    from training.streams.feed import Feed
    from training.streams.sequences import Piece
    from training.trainer.learner import Learner

    clips = sorted(EXAMPLES.glob("*.ogg"))
    music = [
        Piece((decode_mono(path, RATE) * 32767).astype(np.int16), i % 3, True)
        for i, path in enumerate(clips)
    ]
    repeats, updates = (1, 2) if options.quick else (5, 6)
    found: dict[str, Any] = {}
    for name, (config_name, frozen, changes) in _CASES.items():
        config = read_config(config_name, ["network.classes=3", *changes])
        network = build(config.network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        learner = Learner(network, config.optimiser, frozen=frozen)
        feed = Feed(music, (), config.sequences, 1)

        with_loading, without = [], []
        for repeat in range(repeats + 1):  # the first one warms up
            first = repeat * updates
            ready = list(feed.batches(network, first, first + updates))
            going = feed.batches(network, first - 1 if first else 0, first + updates)
            if first:
                next(going)  # as in the middle of a run: the reader is at work
            pair = (_windows_a_second(learner, going), _windows_a_second(learner, ready))
            if repeat:
                with_loading.append(pair[0])
                without.append(pair[1])
        shares = [a / b for a, b in zip(with_loading, without, strict=True)]
        found[name] = {
            "windows_a_second": statistics.median(with_loading),
            "without_loading": statistics.median(without),
            "share": Spread.of(shares).to_json(),
        }
    return found


def _windows_a_second(learner: Learner, batches: Iterable[tuple[int, Batch]]) -> float:
    """Forward and backward over the batches, the state carried."""
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


def report(found: dict[str, Any]) -> list[str]:
    """One table."""
    rows = [
        [
            name,
            f"{one['windows_a_second']:.1f}",
            f"{one['without_loading']:.1f}",
            shown(one["share"], 2),
        ]
        for name, one in found.items()
    ]
    count = next(iter(found.values()))["share"]["count"]
    return [
        f"Windows of music a second, forward and backward, median of {count}; what is kept with "
        "loading is the ratio of spans in turn, median (least to most):",
        "",
        *table(("network", "with loading", "read beforehand", "kept with loading"), rows),
    ]
