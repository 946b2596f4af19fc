"""Gradients and weights of a short training, by one process or several; run by test_training.

`torchrun --nproc-per-node 2 two_processes.py OUTPUT`. Batch norm is held to its running statistics,
and dropout is off.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from streamgenre.networks import build
from training.config import read_config
from training.streams.feed import Feed
from training.streams.sequences import Clip
from training.trainer.devices import fabric_for
from training.trainer.learner import Inputs, Learner

DESCRIPTION = {"kind": "tfcrnn", "classes": 3, "width": 8, "size": 16}
CHANGES = [
    "sequences.lanes=6", "sequences.steps=[2, 2]", "sequences.hops=[0.5]",
    "sequences.stretch=[1.0, 3.0]", "sequences.fresh=0.3", "sequences.other=0.2",
]  # fmt: skip


def main(output: Path) -> None:
    """Write the gradients of two updates."""
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    fabric = fabric_for("32-true")
    config = read_config("tfcrnn", CHANGES)
    rng = np.random.default_rng(0)
    music = [
        Clip(rng.integers(-9000, 9000, 80_000).astype(np.int16), i % 3, True) for i in range(9)
    ]
    part = (fabric.global_rank, fabric.world_size)
    feed = Feed(music, (), config.sequences, 1, part)
    torch.manual_seed(0)
    network = build(DESCRIPTION)
    plain = torch.optim.SGD(network.parameters(), lr=0.1)
    learner, optimizer = fabric.setup(Learner(network, config.optimiser, frozen=False), plain)
    state = torch.zeros(6 // part[1], network.state_size)
    found = {}
    for number, (_, batch) in enumerate(feed.batches(network, 0, 2)):
        network.eval()

        def total(count: torch.Tensor) -> torch.Tensor:
            return fabric.all_reduce(count.float(), reduce_op="mean")

        loss, state = learner(Inputs(batch, state), total)
        optimizer.zero_grad()
        fabric.backward(loss)
        for name, parameter in network.named_parameters():
            found[f"{number} {name}"] = parameter.grad.clone()
        optimizer.step()
    if fabric.is_global_zero:
        save_file(found, output)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
