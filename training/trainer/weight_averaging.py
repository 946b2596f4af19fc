"""Several finished runs from one start as one network: the mean of their weights.

Wortsman et al. 2022 (model soups): runs that share their start stay in one basin, so that their
mean is about as good as their ensemble, at the cost of one. The start may be in it, too (WiSE-FT,
the same authors 2022): between a start and what was fine-tuned from it lies what is better than
both, and less moved by the little that it was tuned on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch

from .. import checkpoint
from ..data import DataError
from .start import weights_of


def average(paths: Sequence[Path], target: Path, start_share: float = 0.0) -> None:
    """Write the mean of finished checkpoints; DataError where they are not of one kind and start.

    `start_share`, 0 to 1: the weight of what they all began from, in what it has.
    What the file says of itself is the first one's, without its calibration.
    """
    tensors, about = checkpoint.read(paths[0])
    sums = {name: tensor.double() for name, tensor in tensors.items()}
    start = json.loads(about["config"])["start"]
    for path in paths[1:]:
        others, theirs = checkpoint.read(path)
        for what in ("network", "labels", "styles", "data"):
            if theirs.get(what) != about.get(what):
                raise DataError(f"{path}: has another {what} than {paths[0]}; average runs of one")
        if json.loads(theirs["config"])["start"] != start:
            raise DataError(f"{path}: began elsewhere than {paths[0]}; their mean is of no use")
        for name in sums:
            sums[name] += others[name].double()
    mean = {
        name: (total / len(paths)).to(tensors[name].dtype)
        if tensors[name].is_floating_point()
        else tensors[name]
        for name, total in sums.items()
    }
    if start_share:
        begun = weights_of(start)
        mean |= {
            name: tensor.lerp(begun[name].to(tensor.dtype), start_share)
            for name, tensor in mean.items()
            if tensor.is_floating_point() and name in begun and begun[name].shape == tensor.shape
        }
    assert all(bool(torch.isfinite(tensor).all()) for tensor in mean.values())
    about.pop("calibration", None)
    target.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.write(
        target, mean, about | {"averaged": str(len(paths)), "start_share": str(start_share)}
    )
