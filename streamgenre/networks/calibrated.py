"""A network with a temperature, and loading of its weights from an ONNX model file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from . import build, check_description
from .step import StepNetwork


class CalibratedStep(NamedTuple):
    """The tensors of streamgenre.model.engine.Step, in the same order."""

    probabilities: Tensor
    music: Tensor
    next_state: Tensor
    gates: Tensor
    embedding: Tensor
    styles: Tensor | None = None
    speech: Tensor | None = None


class Calibrated(nn.Module):
    """A streaming network with a temperature. This is the module that is exported."""

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


def network_from_onnx(description: Mapping[str, Any], model: onnx.ModelProto) -> Calibrated:
    """The network of a card with the weights of its ONNX file.

    Raises KeyError if a weight is missing, and ValueError if the description is out of range.
    """
    check_description(description)
    step = Calibrated(build(dict(description)))
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    # The exporter stores equal weights once, and some weights as float16.
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
    """The original weight in the corner of a zero-padded one (see trunk_step.py)."""
    if stored.ndim == len(shape):
        stored = stored[tuple(slice(n) for n in shape)]
    return torch.from_numpy(np.array(stored, np.float32))
