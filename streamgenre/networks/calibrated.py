"""A network with its temperature, and its weights read back from the ONNX file of a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from . import build
from .step import StepNetwork


class CalibratedStep(NamedTuple):
    """The tensors of streamgenre.model.engine.Step, in its order."""

    probabilities: Tensor
    music: Tensor
    next_state: Tensor
    gates: Tensor
    embedding: Tensor
    styles: Tensor | None = None
    speech: Tensor | None = None


class Calibrated(nn.Module):
    """A streaming network with its temperature: what is exported, and what both engines run."""

    def __init__(self, network: StepNetwork, temperature: float = 1.0) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("temperature", torch.tensor(temperature))
        self.temperature: Tensor

    def forward(self, samples: Tensor, state: Tensor) -> CalibratedStep:
        step = self.network(samples, state)
        return CalibratedStep(
            torch.softmax(step.logits / self.temperature, 1),
            torch.sigmoid(step.music),
            step.next_state,
            step.gates,
            step.embedding,
            step.styles,
            None if step.speech is None else torch.sigmoid(step.speech),
        )


def weights_into(description: Mapping[str, Any], model: onnx.ModelProto) -> Calibrated:
    """The network of a card with the weights of its ONNX file; KeyError where one is missing."""
    step = Calibrated(build(dict(description)))
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    # The exporter keeps equal weights once, under one name; some are stored with sixteen bits.
    for node in model.graph.node:
        if node.op_type in ("Identity", "Cast") and node.input[0] in stored:
            stored[node.output[0]] = stored[node.input[0]]
    values = {
        key: _corner(numpy_helper.to_array(stored[key]), value.shape)
        if value.is_floating_point()
        else value
        for key, value in step.state_dict().items()
    }
    step.load_state_dict(values)
    return step.eval()


def _corner(stored: NDArray[np.floating[Any]], shape: torch.Size) -> Tensor:
    """What lies in the corner of a widened weight (trunk_step.py)."""
    if stored.ndim == len(shape):
        stored = stored[tuple(slice(n) for n in shape)]
    return torch.from_numpy(np.array(stored, np.float32))
