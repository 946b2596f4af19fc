"""Logistic regression as the last layer of a frozen network: convex, so fitted to convergence."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


def fit_logistic(
    layer: nn.Linear, cross_entropy: Callable[[], Tensor], ridge: float
) -> tuple[float, float]:
    """Minimise `cross_entropy` over the weights of `layer`. Returns it before and after.

    `ridge` penalises the mean squared norm of the weights of an output. It is not part of the
    values returned.
    """
    weight, bias = layer.weight.requires_grad_(), layer.bias.requires_grad_()
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=300, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        ridged: Tensor = cross_entropy() + ridge * weight.square().sum(1).mean()
        ridged.backward()  # type: ignore[no-untyped-call]
        return ridged

    with torch.no_grad():
        before = float(cross_entropy())
    optimiser.step(loss)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        return before, float(cross_entropy())
