"""Averages of weights: over the updates of a run, and over several finished runs.

Runs with the same initial weights stay in one basin of the loss. The mean of their weights is about
as good as their ensemble at the cost of one network (model soups, Wortsman et al. 2022). The mean
can include the initial weights (WiSE-FT, Wortsman et al. 2022): interpolating between the initial
and the fine-tuned weights can be better than both, and is more robust.

The exponential moving average over updates follows Polyak & Juditsky 1992 (torch.optim.swa_utils).
Its decay is lower for the first updates, so that the average of a short run is not dominated by the
initial weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from .. import checkpoint
from ..data import DataError
from .start import weights_of

_WARM_UP = 10  # updates


def averaged(network: nn.Module, decay: float) -> AveragedModel:
    """Return an averaged copy of the network for `update_parameters`; decay 0 keeps the newest."""
    return AveragedModel(network, avg_fn=_average(decay), use_buffers=True)


def _average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    def average(mean: Tensor, value: Tensor, count: Tensor | int) -> Tensor:
        if not torch.is_floating_point(mean):  # batch norm counts its batches
            return value
        n = int(count)
        return mean.lerp(value, 1 - min(decay, n / (n + _WARM_UP)))

    return average


def average(paths: Sequence[Path], target: Path, start_share: float = 0.0) -> None:
    """Write the mean of finished checkpoints of one kind with the same initial weights.

    `start_share` in 0..1 is the weight of the initial weights. The metadata are those of the first
    checkpoint, without its calibration. Raises DataError if the checkpoints do not match.
    """
    tensors, about = checkpoint.read(paths[0])
    sums = {name: tensor.double() for name, tensor in tensors.items()}
    start = about.config.start
    for path in paths[1:]:
        others, theirs = checkpoint.read(path)
        for what in ("network", "labels", "styles", "data"):
            if getattr(theirs, what) != getattr(about, what):
                raise DataError(
                    f"{path}: has another {what} than {paths[0]}; they must be the same"
                )
        if theirs.config.start != start:
            raise DataError(
                f"{path}: had other initial weights than {paths[0]}; they must be the same"
            )
        for name in sums:
            sums[name] += others[name].double()
    mean = {
        name: (total / len(paths)).to(tensors[name].dtype)
        if tensors[name].is_floating_point()
        else tensors[name]
        for name, total in sums.items()
    }
    if start_share:
        start_weights = weights_of(start)
        mean |= {
            name: tensor.lerp(start_weights[name].to(tensor.dtype), start_share)
            for name, tensor in mean.items()
            if tensor.is_floating_point()
            and name in start_weights
            and start_weights[name].shape == tensor.shape
        }
    if not all(bool(torch.isfinite(tensor).all()) for tensor in mean.values()):
        raise DataError(f"{target}: the mean is not finite; leave out the run that diverged")
    target.parent.mkdir(parents=True, exist_ok=True)
    # Calibration and measurements of the first run do not apply to the mean.
    changes = {"averaged": len(paths), "start_share": start_share}
    outdated = {"calibration": None, "before_speech": None}
    checkpoint.write(target, mean, about.model_copy(update=changes | outdated))
