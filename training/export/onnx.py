"""Exports a trained network as one ONNX step that contains its card.

The TorchScript exporter is used, because the other exporter of PyTorch has silently produced wrong
graphs for recurrent cells. The file is written only if the ONNX step agrees with PyTorch over 500
carried steps on noise of changing level.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from streamgenre.audio.logmel import BANDS, STEP
from streamgenre.files import replace_bytes
from streamgenre.model.card import ModelCard, read_card
from streamgenre.model.cut import LOGMEL
from streamgenre.model.engine import Step
from streamgenre.model.model import load as load_onnx
from streamgenre.model.onnx import INPUTS, OPTIONAL_OUTPUTS, OUTPUTS, OnnxEngine
from streamgenre.networks import step_form
from streamgenre.networks.calibrated import Calibrated
from streamgenre.networks.step import StepNetwork
from streamgenre.package.nodes import name_nodes

from ..card import Calibration, make_card, store_card
from ..checkpoint import load_network
from ..inference.parity import PARITY, PARITY_STEPS, carried_steps
from .entries import CardChanges, ExportError
from .half import round_weights, store_half

OPSET = 17
NO_CHANGES = CardChanges()
NO_TAGGERS = "ONNX models are for genres, whose probabilities sum to 1; taggers cannot be exported"


def to_onnx(step: Calibrated, window: int) -> onnx.ModelProto:
    """The graph of a step, for any batch size, with the names of the weights in PyTorch.

    The log-mel is named if `streamgenre.audio.logmel` can replace it (model/cut.py).
    """
    step = Calibrated(step_form(step.network), float(step.temperature))
    samples = torch.randn(2, window) * 0.1
    state = torch.zeros(2, step.network.state_size)
    with torch.inference_mode():
        given = step.eval()(samples, state)._asdict()
    names = [name for name in (*OUTPUTS, *OPTIONAL_OUTPUTS) if given[name] is not None]
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # It warns about batch size and tracing, which `parity` checks.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            step,
            (samples, state),
            buffer,  # type: ignore[arg-type]  # a file object works, but is not in its type hints
            dynamo=False,
            opset_version=OPSET,
            do_constant_folding=False,  # folding would rename the weights
            input_names=list(INPUTS),
            output_names=names,
            dynamic_axes={name: {0: "streams"} for name in [*INPUTS, *names]},
        )
    model = onnx.load_from_string(buffer.getvalue())
    if step.network.reads_logmel:
        _name_logmel(model.graph)
    onnx.checker.check_model(model)
    # network_from_onnx needs the weights that the exporter wrote as constants without a name.
    known = {tensor.name for tensor in model.graph.initializer}
    known |= {name for node in model.graph.node for name in node.output}
    for key, value in step.state_dict().items():
        if key not in known and value.is_floating_point():  # without counters of batches
            model.graph.initializer.append(numpy_helper.from_array(value.numpy(), key))
    return model


def _name_logmel(graph: onnx.GraphProto) -> None:
    """Name the output of the network's front end LOGMEL, and state its shape."""
    # Constants of the front end may serve other layers, too.
    computed = [node for node in graph.node if node.op_type != "Constant"]
    inside = [node.name.startswith("/network/front/") for node in computed]
    made = {name for node, own in zip(computed, inside, strict=True) if own for name in node.output}
    read = {
        name for node, own in zip(computed, inside, strict=True) if not own for name in node.input
    }
    (before,) = made & read
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [LOGMEL if name == before else name for name in names]
    (samples,) = (i for i in graph.input if i.name == INPUTS[0])
    window = samples.type.tensor_type.shape.dim[1].dim_value
    shape = ["streams", 1, BANDS, window // STEP + 1]
    graph.value_info.append(helper.make_tensor_value_info(LOGMEL, TensorProto.FLOAT, shape))


def parity(
    step: Calibrated, engine: OnnxEngine, window: int, steps: int, *others: OnnxEngine
) -> float:
    """Largest difference in probability between PyTorch and the engines, the state carried."""

    def in_torch(samples: NDArray[np.float32], state: NDArray[np.float32]) -> Step:
        tensors = step(torch.from_numpy(samples), torch.from_numpy(state))
        arrays: list[Any] = [None if tensor is None else tensor.numpy() for tensor in tensors]
        return Step(*arrays)

    steppers = [in_torch, *(each.step for each in (engine, *others))]
    state = np.zeros((1, step.network.state_size), np.float32)
    worst = 0.0
    with torch.inference_mode():
        for expected, *given in carried_steps(steppers, window, state, steps):
            for name in ("probabilities", "music", "styles", "speech"):
                if (right := getattr(expected, name)) is None:
                    continue
                for each in given:
                    off = np.abs(getattr(each, name) - right)
                    worst = float(np.maximum(worst, off.max(initial=0.0)))  # keeps NaN
    return worst


def export(
    network: StepNetwork,
    calibration: Calibration,
    card: ModelCard,
    target: Path,
    half: bool = False,
) -> float:
    """Write the model file, and return the largest difference between PyTorch and ONNX Runtime.

    `half` stores weights with 16 bits. Raises ExportError and writes nothing if they disagree.
    """
    if half:
        round_weights(network)
    windows = {hop.window for hop in card.hops}
    if len(windows) != 1:
        raise ExportError("the hops of one file must share a window: one graph serves them all")
    (window,) = windows
    step = Calibrated(network, calibration.temperature).eval()
    model = to_onnx(step, window)
    if half:
        store_half(model)
    name_nodes(model.graph)
    data = store_card(model, card)
    card = read_card(data, str(target))
    # With the front end of this package, and with the front end of the file.
    here, elsewhere = OnnxEngine(data, card), OnnxEngine(data, card, whole=True)
    worst = parity(step, here, window, PARITY_STEPS, elsewhere)
    if not worst <= PARITY:
        raise ExportError(f"ONNX Runtime differs from PyTorch by {worst:.2e} over carried steps")
    replace_bytes(target, data)
    return worst


def export_checkpoint(
    path: Path,
    target: Path,
    changes: CardChanges = NO_CHANGES,
    accuracy: Mapping[float, Mapping[str, float]] = {},
    half: bool = False,
) -> float:
    """Export a finished checkpoint. See `export`.

    `accuracy` holds the metrics for the card by hop. The card lists these hops and those of the
    training.
    """
    network, about = load_network(path)
    if about.config.task == "tags":
        raise ExportError(f"{path}: {NO_TAGGERS}")
    if about.calibration is None:
        raise ExportError(f"{path}: was interrupted before its calibration; run train again")
    hops = sorted({*about.config.sequences.hops, *accuracy}, reverse=True)
    card = make_card(network, about.network, about.labels, hops, about.calibration, about.styles)
    data = {} if about.dataset is None else vars(about.dataset)
    card = replace(
        card,
        name=path.resolve().parent.name if changes.name is None else changes.name,
        version=card.version if changes.version is None else changes.version,
        hops=tuple(replace(hop, accuracy=accuracy.get(hop.seconds, {})) for hop in card.hops),
        live_hop=card.live_hop if changes.live_hop is None else changes.live_hop,
        file_hop=card.file_hop if changes.file_hop is None else changes.file_hop,
        about={
            **_inherited(about.config.start),
            "temperature": about.calibration.temperature,
            "trained_on": {"sha256": about.data, **data},
            "commit": about.commit,
            **changes.about,
        },
    )
    return export(network, about.calibration, card, target, half)


def _inherited(start: str) -> dict[str, Any]:
    """Licence, use and credits of the model with the initial weights, which remain valid."""
    if start != "bundled" and not start.endswith(".onnx"):
        return {}
    card = load_onnx(None if start == "bundled" else Path(start)).card
    return {key: card.about[key] for key in ("licence", "use", "credits") if key in card.about}
