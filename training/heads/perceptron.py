"""Perceptrons on pooled embeddings: one hidden layer, several members trained in parallel.

Training uses mixup (Zhang et al. 2018), label smoothing, dropout, and class weights that are a
power of the frequency. Members differ in their seed. The mean of their logits is again a
perceptron, with more hidden units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

Floats = NDArray[np.float32]


class Inputs(Protocol):
    """Pooled embeddings of clips. Excerpts are drawn in every epoch."""

    def whole(self) -> Tensor:
        """Inputs of all whole clips: (clips, D)."""
        ...

    def draw(self, clips: Tensor, generator: torch.Generator) -> Tensor:
        """Training inputs, excerpts of the given clips (...): (..., D)."""
        ...


@dataclass(frozen=True)
class Settings:
    """Hyperparameters of the members."""

    hidden: int = 256
    members: int = 3
    input_dropout: float = 0.3
    dropout: float = 0.5
    label_smoothing: float = 0.1
    class_power: float = 0.75
    """A clip is weighted by the frequency of its genre to the negative power."""
    mixup: float = 0.4
    """Parameter of the Beta distribution of the mixing weights."""
    epochs: int = 60
    batch: int = 128
    rate: float = 2e-3
    weight_decay: float = 1e-2


@dataclass(frozen=True)
class Perceptron:
    """Stacked weights of K members; inputs are standardised with `mean` and `scale`."""

    mean: Tensor  # (D,)
    scale: Tensor  # (D,), inverse standard deviations
    inner: Tensor  # (K, D, H)
    inner_bias: Tensor  # (K, 1, H)
    outer: Tensor  # (K, H, C)
    outer_bias: Tensor  # (K, 1, C)

    @torch.inference_mode()
    def probabilities(self, pooled: Tensor) -> Floats:
        """Mean probabilities of the members (N, C) for inputs (N, D)."""
        x = ((pooled - self.mean) * self.scale).expand(len(self.inner), -1, -1)
        hidden = F.relu(torch.baddbmm(self.inner_bias, x, self.inner))
        logits = torch.baddbmm(self.outer_bias, hidden, self.outer)
        return np.asarray(torch.softmax(logits, -1).mean(0).numpy())

    def merged(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """One perceptron on raw inputs whose logits are the mean of the members' logits.

        Returns the weights and biases of its two layers in the layout of torch.nn.Linear:
        (K H, D), (K H,), (C, K H), (C,).
        """
        members, _, hidden = self.inner.shape
        inner = self.inner.transpose(1, 2).reshape(members * hidden, -1) * self.scale
        bias = self.inner_bias.reshape(-1) - inner @ self.mean
        outer = self.outer.reshape(members * hidden, -1).T / members
        return inner, bias, outer.contiguous(), self.outer_bias.mean(0)[0]


def fit(
    inputs: Inputs,
    targets: Tensor,
    counts: Tensor,
    weights_of: Tensor,
    settings: Settings,
    seed: int = 0,
) -> Perceptron:
    """Fit the members on all clips of `inputs`.

    Args:
        inputs: pooled embeddings of N clips.
        targets: (N, C), a distribution for each clip.
        counts: (C,), number of clips of each genre.
        weights_of: (N,), index of the genre whose frequency determines the weight of a clip.
        settings: hyperparameters.
        seed: of all random numbers.
    """
    s, (clips, classes) = settings, targets.shape
    generator = torch.Generator().manual_seed(seed)
    rng = np.random.default_rng(seed)
    whole = inputs.whole()
    mean, scale = whole.mean(0), 1 / whole.std(0).clamp_min(1e-3)
    smooth = targets * (1 - s.label_smoothing) + s.label_smoothing / classes
    importance = counts.clamp_min(1).double() ** -s.class_power
    importance = (importance / importance[weights_of].mean())[weights_of].float()

    def layer(inputs: int, outputs: int) -> list[Tensor]:
        bound = inputs**-0.5
        shapes = ((s.members, inputs, outputs), (s.members, 1, outputs))
        return [
            ((torch.rand(shape, generator=generator) * 2 - 1) * bound).requires_grad_()
            for shape in shapes
        ]

    inner, inner_bias, outer, outer_bias = (
        *layer(whole.shape[1], s.hidden), *layer(s.hidden, classes),
    )  # fmt: skip
    parameters = [inner, inner_bias, outer, outer_bias]
    optimiser = torch.optim.AdamW(parameters, lr=s.rate, weight_decay=s.weight_decay)
    batch = min(s.batch, clips)
    updates = clips // batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, s.rate, total_steps=s.epochs * updates, pct_start=0.1
    )

    def drop(x: Tensor, share: float) -> Tensor:
        return x * (torch.rand(x.shape, generator=generator) >= share) / (1 - share)

    for _ in range(s.epochs):
        order = torch.stack([torch.randperm(clips, generator=generator) for _ in range(s.members)])
        for number in range(updates):
            chosen = order[:, number * batch : (number + 1) * batch]
            x = (inputs.draw(chosen, generator) - mean) * scale
            mix = torch.from_numpy(rng.beta(s.mixup, s.mixup, (s.members, batch, 1))).float()

            def mixed(values: Tensor, mix: Tensor = mix) -> Tensor:
                return mix * values + (1 - mix) * values.roll(1, 1)

            x, target = mixed(x), mixed(smooth[chosen])
            hidden = F.relu(torch.baddbmm(inner_bias, drop(x, s.input_dropout), inner))
            logits = torch.baddbmm(outer_bias, drop(hidden, s.dropout), outer)
            losses = -(target * F.log_softmax(logits, -1)).sum(-1, keepdim=True)
            loss = (losses * mixed(importance[chosen][..., None])).mean((1, 2)).sum()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    return Perceptron(mean, scale, *(p.detach() for p in parameters))
