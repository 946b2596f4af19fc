"""Weights to start from: the bundled model, one of ours, or a published trunk, from a given path.

What has another shape (the classifier, for other genres) keeps its random start.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from streamgenre.errors import ModelFileError
from streamgenre.networks.calibrated import weights_into
from streamgenre.networks.step import TrainableNetwork
from streamgenre.networks.trunk import TrunkTFCRNN

from ..data import DataError


def start_from(network: TrainableNetwork, source: str) -> bool:
    """Load what fits from a source; whether the features' constants came along.

    `source`: "" for nothing, "bundled", or the path of a model (.onnx), of a finished run
    (.safetensors) or of an EfficientAT MobileNetV3 state dict (.pt). Raises DataError where
    nothing fits, ModelFileError where it cannot be read.
    """
    if not source:
        return False
    if source != "bundled" and not Path(source).is_file():
        raise DataError(f"{source}: no such weights to start from; a path, or bundled")
    if source.endswith((".pt", ".pth")):
        if not isinstance(network, TrunkTFCRNN):
            raise DataError(f"{source}: weights of a trunk, and this network has none")
        try:
            network.start_from(source)
        except Exception as error:  # whatever a pickle can be broken in
            raise ModelFileError(f"{source}: is not EfficientAT's mn04 ({error})") from None
        return False
    weights = weights_of(source)
    ours = network.state_dict()
    fitting = {k: v for k, v in weights.items() if k in ours and v.shape == ours[k].shape}
    if not any(key.endswith("weight") for key in fitting):
        raise DataError(f"{source}: is of another network: no weight of it fits this one")
    network.load_state_dict(ours | fitting)
    return bool({"feature_mean", "scale"} & set(fitting))


@torch.no_grad()
def start_at_rates(network: TrainableNetwork, truth: Tensor) -> None:
    """Begin by saying of each tag how common it is: truth (N, C), 0 or 1 of N tracks.

    As Lin et al. 2017 (focal loss, section 4.1). Begun at one half instead, a network first learns
    that every tag is rare; where its embedding is bounded (a GRU's), it learns that by saturating,
    after which nothing tells one track from another.
    """
    rates = (truth.sum(0) + 0.5) / (len(truth) + 1)  # neither 0 nor 1
    network.outputs.bias.copy_(rates.logit())


def weights_of(source: str) -> dict[str, Tensor]:
    """Tensors of one of our models or runs, by the names that they have in its network."""
    if source.endswith(".safetensors"):
        from ..checkpoint import load_network

        return dict(load_network(Path(source))[0].state_dict())
    import onnx

    from streamgenre.model.card import read_card
    from streamgenre.model.model import read_model

    name, data = read_model(None if source == "bundled" else source)
    card = read_card(data, name)
    step = weights_into(card.network, onnx.load_from_string(data))
    with torch.no_grad():
        return dict(step.network.state_dict())
