"""Initial weights: the bundled model, another model or run, or a published backbone.

Parameters with another shape (the classifier, for other genres) keep their random initialisation.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from streamgenre.errors import ModelFileError, one_line
from streamgenre.networks.calibrated import network_from_onnx
from streamgenre.networks.step import TrainableNetwork
from streamgenre.networks.trunk import TrunkTFCRNN

from ..data import DataError


def start_from(network: TrainableNetwork, source: str) -> bool:
    """Load the matching weights of a source. Returns whether they include the standardisation.

    `source`: "" for none, "bundled", or the path of a model (.onnx), a finished run (.safetensors)
    or an EfficientAT MobileNetV3 state dict (.pt). Raises DataError if no weight matches, and
    ModelFileError if the file cannot be read.
    """
    if not source:
        return False
    if source != "bundled" and not Path(source).is_file():
        raise DataError(f"{source}: no such weights to start from; give a path, or bundled")
    if source.endswith((".pt", ".pth")):
        if not isinstance(network, TrunkTFCRNN):
            raise DataError(f"{source}: is a backbone (trunk), and this network has none")
        try:
            network.start_from(source)
        except ModelFileError:
            raise
        except (KeyError, RuntimeError, TypeError, AttributeError) as error:
            raise ModelFileError(
                f"{source}: is not EfficientAT's mn04 ({one_line(error)}); give its checkpoint"
            ) from None
        return False
    weights = weights_of(source)
    ours = network.state_dict()
    fitting = {k: v for k, v in weights.items() if k in ours and v.shape == ours[k].shape}
    if not any(key.endswith("weight") for key in fitting):
        raise DataError(f"{source}: is of another network: no weight matches this one")
    network.load_state_dict(ours | fitting)
    return bool({"feature_mean", "scale"} & set(fitting))


@torch.no_grad()
def start_at_rates(network: TrainableNetwork, truth: Tensor) -> None:
    """Initialise the output biases with the frequency of each tag; truth (N, C), 0 or 1.

    See Lin et al. 2017 (focal loss, section 4.1). With an initial probability of one half, a
    network first learns that every tag is rare. A bounded embedding (a GRU) learns this by
    saturating, and then no longer distinguishes tracks.
    """
    rates = (truth.sum(0) + 0.5) / (len(truth) + 1)  # never 0 or 1
    network.outputs.bias.copy_(rates.logit())


def weights_of(source: str) -> dict[str, Tensor]:
    """Tensors of a model or run of this project, with the parameter names of its network."""
    if source.endswith(".safetensors"):
        from ..checkpoint import load_network

        return dict(load_network(Path(source))[0].state_dict())
    import onnx

    from streamgenre.model.card import read_card
    from streamgenre.model.model import read_model

    name, data = read_model(None if source == "bundled" else source)
    card = read_card(data, name)
    step = network_from_onnx(card.network, onnx.load_from_string(data))
    with torch.no_grad():
        return dict(step.network.state_dict())
