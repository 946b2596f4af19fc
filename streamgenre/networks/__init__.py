"""PyTorch networks, one file each. `build` creates one from the description in a model card."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import torch

from .step import StepNetwork, TrainableNetwork

KINDS = {
    "tfcrnn": "tfcrnn.TFCRNN",
    "trunk": "trunk.TrunkTFCRNN",
    "adapted": "adapted.Adapted",
    "samplecnn": "published.samplecnn.SampleCNN",
    "samplecnn-2019": "published.samplecnn_2019.SampleCNN2019",
    "bian": "published.bian.Bian",
    "bian-densenet": "published.bian_densenet.BianDenseNet",
    "feng": "published.feng.Feng",
    "yu": "published.yu.Yu",
    "allamy": "published.allamy.Allamy",
    "nnet1": "published.zhang.NNet1",
    "nnet2": "published.zhang.NNet2",
    "benito": "published.benito.Benito",
    "choi": "published.choi.Choi",
    "choi-released": "published.choi_released.ChoiReleased",
    "irvin": "published.irvin.Irvin",
    "irvin-two-layer": "published.irvin.IrvinTwoLayer",
}
"""Kind of network -> module and class."""
_MOST_PARAMETERS = 100_000_000
_LARGEST_ARGUMENT = 10_000_000
_LONGEST_LIST = 10_000


def build(description: dict[str, Any]) -> StepNetwork:
    """Build an untrained network.

    `description`: the `network` entry of a card, that is, the kind and the constructor arguments.
    Raises ValueError for an unknown kind.
    """
    arguments = dict(description)
    kind = arguments.pop("kind", None)
    if kind not in KINDS:
        raise ValueError(f"unknown network kind {kind!r}; use one of {', '.join(KINDS)}")
    module, name = KINDS[kind].rsplit(".", 1)
    network: StepNetwork = getattr(import_module(f".{module}", __package__), name)(**arguments)
    return network


def check_description(description: Mapping[str, Any]) -> None:
    """Raise ValueError if the description of a network makes it larger than any network here."""
    _check_argument(dict(description))
    with torch.device("meta"):  # allocates nothing
        shapes = [value.shape for value in build(dict(description)).state_dict().values()]
    if sum(map(math.prod, shapes)) > _MOST_PARAMETERS:
        raise ValueError(f"the network has more than {_MOST_PARAMETERS:,} parameters")


def _check_argument(value: object) -> None:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) > _LONGEST_LIST:
            raise ValueError("an entry of the network is too long")
        for entry in value:
            _check_argument(entry)
    elif isinstance(value, (int, float)) and not abs(value) <= _LARGEST_ARGUMENT:
        raise ValueError(f"an entry of the network is out of range: {str(value)[:40]}")


def build_trainable(description: dict[str, Any]) -> TrainableNetwork:
    """As `build`. Raises ValueError for a kind that runs single steps only."""
    network = build(description)
    if not isinstance(network, TrainableNetwork):
        raise ValueError(f"a network of kind {description['kind']!r} cannot be trained")
    return network


def step_form(network: StepNetwork) -> StepNetwork:
    """The form of a network that is exported: the network itself, or an equivalent faster one.

    Weights keep their names. Variants of the backbone that only studies use have no faster form.
    """
    from .trunk import TrunkTFCRNN
    from .trunk_step import TrunkStep

    if isinstance(network, TrunkTFCRNN) and network.feedback in ("state", "none"):
        return TrunkStep(network)
    return network
