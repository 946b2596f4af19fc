"""Gradient ascent: the canvas is changed until it excites its target ("activation maximisation").

Erhan, Bengio, Courville, Vincent, "Visualizing higher-layer features of a deep network", 2009; for
music genres proposed by Irvin, Chartock, Hollander, "Recurrent Neural Networks with Attention for
Genre Classification", 2016.
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

_RATE = 0.15  # of Adam
_STEPS = (0.1, 0.2, 0.4, 0.8)  # deviations that weights may be shown with, in log-mel: 2 to 17 dB
_FAR = 5.0  # of a neuron's value: deviations, where the embedding is standardised
_SHOWN = 8  # steps, in a line


@dataclass(frozen=True)
class Target:
    """What is to be excited: a neuron of the embedding, or else a genre's output."""

    genre: int | None = None
    neuron: int | None = None

    def excitement(self, steps: Unrolled) -> Tensor:
        """Mean over the steps: of a genre log p(genre) + log p(music), of a neuron its value, bent.

        A value has no upper end as a probability has, and would outweigh every penalty: far beyond
        what any music brings about (_FAR), more of it counts for nothing.
        """
        if self.neuron is not None:
            return _FAR * torch.tanh(torch.cat(steps.embeddings)[:, self.neuron] / _FAR).mean()
        return (steps.logits[:, self.genre] + steps.music).mean()


@dataclass(frozen=True)
class Reached:
    """What each step says of the target; None where it is not asked."""

    probability: NDArray[np.float32] | None  # (T,) of the genre, calibrated
    music: NDArray[np.float32]  # (T,), probability
    activation: NDArray[np.float32] | None  # (T,) of the neuron

    def entries(self) -> dict[str, Any]:
        """For JSON: the mean over the steps, and every step."""
        return {
            key: None
            if values is None
            else {"mean": float(values.mean()), "steps": [round(float(v), 4) for v in values]}
            for key, values in vars(self).items()
        }

    def __str__(self) -> str:
        found = []
        if self.probability is not None:
            found.append(f"probability {_over_time(self.probability)}")
        if self.activation is not None:
            found.append(f"activation {_over_time(self.activation)}")
        return ", ".join(found)


def _over_time(values: NDArray[np.float32]) -> str:
    """The mean, and in brackets the steps, or as many of them as can be read."""
    shown = values[:: -(-len(values) // _SHOWN)]
    return f"{values.mean():.2f} ({' '.join(f'{v:.2f}' for v in shown)})"


def reached(canvas: Canvas, target: Target) -> Reached:
    """The target's values on the canvas as it is, undisturbed."""
    with torch.no_grad():
        steps = canvas.subject.unroll(canvas.given(canvas.logmel()))
        genre, neuron = target.genre, target.neuron
        return Reached(
            None if genre is None else steps.logits[:, genre].exp().numpy(),
            steps.music.exp().numpy(),
            None if neuron is None else torch.cat(steps.embeddings)[:, neuron].numpy(),
        )


def ascend(canvas: Canvas, target: Target, updates: int, progress: Progress = no_progress) -> None:
    """Change the canvas by so many updates of Adam."""
    optimizer = torch.optim.Adam([canvas.spectrum], lr=_RATE)
    for update in range(updates):
        steps = canvas.subject.unroll(canvas.given(canvas.disturbed(canvas.logmel())))
        loss = canvas.penalty() - target.excitement(steps)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        progress("listening", update + 1, updates)


def show_weights(canvas: Canvas, neuron: int) -> None:
    """The weights of a neuron, as a sound: one step from the mean spectrum, along its gradient.

    A layer's weights are the gradient of what it gives. Through all layers below, at the mean
    spectrum, the gradient is what the neuron's weights come to in the bands. Of some lengths of the
    step, the one that excites it most is taken: a gradient says nothing of how far it holds.
    """
    target = Target(neuron=neuron)
    canvas.clear()
    steps = canvas.subject.unroll(canvas.given(canvas.logmel()))
    (gradient,) = torch.autograd.grad(target.excitement(steps), canvas.spectrum)
    with torch.no_grad():
        canvas.spectrum.copy_(gradient)

    def excited(deviation: float) -> float:
        canvas.spread(deviation)
        activation = reached(canvas, target).activation
        assert activation is not None
        return float(activation.mean())

    canvas.spread(max(_STEPS, key=excited))
