"""A trained network as one ONNX step with its card inside, checked before it is kept.

The TorchScript exporter is used: torch's other one has turned recurrent cells into wrong graphs
without a word. Either could; so nothing is written unless the ONNX step agrees with PyTorch over
500 carried steps on noise of changing level.
"""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from safetensors import safe_open
from torch import Tensor, nn

from streamgenre.errors import StreamgenreError
from streamgenre.model.card import METADATA_KEY, card_to_json, read_card
from streamgenre.model.onnx import INPUTS, OPTIONAL_OUTPUTS, OUTPUTS, OnnxEngine
from streamgenre.model.onnxfile import read_onnx

from .genres import label_entry
from .networks import build
from .networks.step import StreamingNetwork

OPSET = 17
PARITY_STEPS, PARITY = 500, 1e-4


class ExportError(StreamgenreError):
    """The exported step is not the network; nothing was written."""


class CalibratedStep(NamedTuple):
    """The tensors of streamgenre.model.engine.Step, in its order."""

    probabilities: Tensor
    music: Tensor
    next_state: Tensor
    gates: Tensor
    embedding: Tensor


class Calibrated(nn.Module):
    """A streaming network with its temperature: what is exported, and what both engines run."""

    def __init__(self, network: StreamingNetwork, temperature: float = 1.0) -> None:
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
        )


def load_checkpoint(path: Path) -> tuple[StreamingNetwork, dict[str, str]]:
    """The network of a safetensors checkpoint, in evaluation mode, and what the file says of it."""
    with safe_open(path, "pt") as file:
        about = dict(file.metadata())
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    network = build(json.loads(about["network"]))
    network.load_state_dict(weights)
    return network.eval(), about


def weights_into(description: Mapping[str, Any], model: onnx.ModelProto) -> Calibrated:
    """The network of a card with the weights of its ONNX file; KeyError where one is missing."""
    step = Calibrated(build(dict(description)))
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:  # the exporter keeps equal weights once, under one name
        if node.op_type == "Identity" and node.input[0] in stored:
            stored[node.output[0]] = stored[node.input[0]]
    values = {
        key: torch.from_numpy(numpy_helper.to_array(stored[key]).copy())
        for key in step.state_dict()
    }
    step.load_state_dict(values)
    return step.eval()


def to_onnx(step: Calibrated, window: int) -> onnx.ModelProto:
    """The step's graph, batch size free, weights under their PyTorch names."""
    samples = torch.randn(2, window) * 0.1
    state = torch.zeros(2, step.network.state_size)
    names = [*OUTPUTS, *OPTIONAL_OUTPUTS]
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            step.eval(),
            (samples, state),
            buffer,  # type: ignore[arg-type]  # a file object works, and its type is not told
            dynamo=False,
            opset_version=OPSET,
            do_constant_folding=False,  # folding would rename the weights
            input_names=list(INPUTS),
            output_names=names,
            dynamic_axes={name: {0: "streams"} for name in [*INPUTS, *names]},
        )
    model = onnx.load_from_string(buffer.getvalue())
    onnx.checker.check_model(model)
    # What the exporter wrote as a constant without a name: weights_into looks for it.
    known = {tensor.name for tensor in model.graph.initializer}
    known |= {name for node in model.graph.node for name in node.output}
    for key, value in step.state_dict().items():
        if key not in known:
            model.graph.initializer.append(numpy_helper.from_array(value.numpy(), key))
    return model


def parity(step: Calibrated, engine: OnnxEngine, window: int, steps: int = PARITY_STEPS) -> float:
    """Largest difference in probability between PyTorch and ONNX Runtime, the state carried."""
    rng = np.random.default_rng(0)
    size = step.network.state_size
    ours = torch.zeros(1, size)
    theirs = np.zeros((1, size), np.float32)
    worst = 0.0
    with torch.inference_mode():
        for _ in range(steps):
            level = 10 ** rng.uniform(-3, 0)
            samples = np.clip(rng.standard_normal((1, window)) * level, -1, 1).astype(np.float32)
            expected = step(torch.from_numpy(samples), ours)
            got = engine.step(samples, theirs)
            ours, theirs = expected.next_state, got.next_state
            worst = max(
                worst,
                float(np.abs(got.probabilities - expected.probabilities.numpy()).max()),
                float(np.abs(got.music - expected.music.numpy()).max()),
            )
    return worst


def export(
    network: StreamingNetwork,
    description: Mapping[str, Any],
    labels: list[str],
    card: Mapping[str, Any],
    target: Path,
    temperature: float = 1.0,
) -> float:
    """Write the model file and give its parity; raises ExportError and writes nothing if bad.

    `card` holds the entries of ModelCard that are not derived here: name, version, hops (seconds
    and accuracy), live_hop, file_hop, thresholds, about.
    """
    step = Calibrated(network, temperature).eval()
    hops = []
    for hop in card["hops"]:
        samples = round(hop["seconds"] * 16_000)
        window = network.window_for(samples)
        hops.append({**hop, "samples": samples, "window": window})
    if len({hop["window"] for hop in hops}) != 1:
        raise ExportError("the hops of one file must share a window: one graph serves them all")
    model = to_onnx(step, hops[0]["window"])
    data = model.SerializeToString()
    entries = {
        **card,
        "labels": [label_entry(name, i) for i, name in enumerate(labels)],
        "hops": hops,
        "sample_rate": 16_000,
        "state_size": network.state_size,
        "network": dict(description),
    }
    onnx.helper.set_model_props(
        model, {METADATA_KEY: card_to_json(entries, read_onnx(data).sha256)}
    )
    data = model.SerializeToString()
    worst = parity(step, OnnxEngine(data, read_card(data, str(target))), hops[0]["window"])
    if not worst <= PARITY:
        raise ExportError(f"ONNX Runtime differs from PyTorch by {worst:.2e} over carried steps")
    partial = target.with_suffix(".partial")
    partial.write_bytes(data)
    partial.replace(target)
    return worst
