"""Activation maximisation: gradient ascent on the canvas to maximise a target.

Erhan, Bengio, Courville, Vincent, "Visualizing higher-layer features of a deep network", 2009;
proposed for music genres by Irvin, Chartock, Hollander, "Recurrent Neural Networks with Attention
for Genre Classification", 2016.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..inference import Progress, no_progress
from .canvas import Canvas
from .subject import Unrolled

_RATE = 0.15  # learning rate of Adam
_STEPS = (0.1, 0.2, 0.4, 0.8)  # deviations to try for showing weights, in log-mel: 2 to 17 dB
_FAR = 5.0  # saturation of a neuron's value, in standard deviations
_SHOWN = 8  # steps in a line of text


@dataclass(frozen=True)
class Target:
    """The quantity to maximise: a neuron of the embedding, or the output of a genre."""

    genre: int | None = None
    neuron: int | None = None

    def objective(self, steps: Unrolled) -> Tensor:
        """Mean over the steps of log p(genre) + log p(music), or of the saturated neuron value.

        Unlike a probability, the value of a neuron is unbounded and would outweigh the penalties.
        It is saturated far above the values that occur in music (_FAR).
        """
        if self.neuron is not None:
            return _FAR * torch.tanh(torch.cat(steps.embeddings)[:, self.neuron] / _FAR).mean()
        return (steps.logits[:, self.genre] + steps.music).mean()


@dataclass(frozen=True)
class Response:
    """The target quantities at each step; None if not applicable."""

    probability: NDArray[np.float32] | None  # (T,), calibrated, of the genre
    music: NDArray[np.float32]  # (T,), probability
    activation: NDArray[np.float32] | None  # (T,) of the neuron

    def entries(self) -> dict[str, Any]:
        """Entries for JSON: mean over the steps, and every step."""
        return {
            key: None
            if values is None
            else {"mean": float(values.mean()), "steps": [round(float(v), 4) for v in values]}
            for key, values in vars(self).items()
        }

    def __str__(self) -> str:
        parts = []
        if self.probability is not None:
            parts.append(f"probability {_over_time(self.probability)}")
        if self.activation is not None:
            parts.append(f"activation {_over_time(self.activation)}")
        return ", ".join(parts)


def _over_time(values: NDArray[np.float32]) -> str:
    """Format the mean, and in brackets the steps, or a subset of them."""
    shown = values[:: -(-len(values) // _SHOWN)]
    return f"{values.mean():.2f} ({' '.join(f'{v:.2f}' for v in shown)})"


def response(canvas: Canvas, target: Target) -> Response:
    """Evaluate the target quantities for the undisturbed canvas."""
    with torch.no_grad():
        steps = canvas.subject.unroll(canvas.given(canvas.logmel()))
        genre, neuron = target.genre, target.neuron
        return Response(
            None if genre is None else steps.logits[:, genre].exp().numpy(),
            steps.music.exp().numpy(),
            None if neuron is None else torch.cat(steps.embeddings)[:, neuron].numpy(),
        )


def ascend(canvas: Canvas, target: Target, updates: int, progress: Progress = no_progress) -> None:
    """Optimise the canvas with `updates` updates of Adam."""
    optimizer = torch.optim.Adam([canvas.spectrum], lr=_RATE)
    for update in range(updates):
        steps = canvas.subject.unroll(canvas.given(canvas.disturbed(canvas.logmel())))
        loss = canvas.penalty() - target.objective(steps)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        progress("gradient ascent", update + 1, updates)


def show_weights(canvas: Canvas, neuron: int) -> None:
    """Show the weights of a neuron as sound: one step from the mean spectrum along the gradient.

    The weights of a linear layer are the gradient of its output. Likewise, the gradient at the mean
    spectrum is a linear approximation of all layers up to the neuron. The size of the step that
    activates the neuron most is used, because the approximation holds near the mean spectrum only.
    """
    target = Target(neuron=neuron)
    canvas.clear()
    steps = canvas.subject.unroll(canvas.given(canvas.logmel()))
    (gradient,) = torch.autograd.grad(target.objective(steps), canvas.spectrum)
    with torch.no_grad():
        canvas.spectrum.copy_(gradient)

    def activation_at(deviation: float) -> float:
        canvas.spread(deviation)
        activation = response(canvas, target).activation
        assert activation is not None
        return float(activation.mean())

    canvas.spread(max(_STEPS, key=activation_at))
