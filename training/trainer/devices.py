"""Devices of a run: one processor or GPU, or the processes that the launcher of torch started.

`torchrun --nproc-per-node 2 -m training train ...` trains in two processes, on GPUs if available.
Each process takes its share of the lanes.
"""

from __future__ import annotations

import os

from lightning_fabric import Fabric


def fabric_for(precision: str) -> Fabric:
    """Return the Fabric of this process, connected to those of a launcher if there are any."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    local = int(os.environ.get("LOCAL_WORLD_SIZE", world))
    fabric = Fabric(
        accelerator="auto",
        devices=local,
        num_nodes=max(1, world // local),
        strategy="ddp" if world > 1 else "auto",
        precision=precision,  # type: ignore[arg-type]
    )
    fabric.launch()
    return fabric


def is_first_process() -> bool:
    """Whether this process writes files and messages."""
    return int(os.environ.get("RANK", "0")) == 0
