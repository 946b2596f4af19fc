"""One file per network; `build` makes one from the description that a model card carries."""

from __future__ import annotations

from importlib import import_module
from typing import Any

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


def build(description: dict[str, Any]) -> StepNetwork:
    """The untrained network of a card's `network` entry: its kind and constructor arguments."""
    arguments = dict(description)
    kind = arguments.pop("kind", None)
    if kind not in KINDS:
        raise ValueError(f"unknown network kind {kind!r}: one of {', '.join(KINDS)}")
    module, name = KINDS[kind].rsplit(".", 1)
    network: StepNetwork = getattr(import_module(f".{module}", __package__), name)(**arguments)
    return network


def build_trainable(description: dict[str, Any]) -> TrainableNetwork:
    """As `build`; raises ValueError for a kind of network that only runs step by step."""
    network = build(description)
    if not isinstance(network, TrainableNetwork):
        raise ValueError(f"a network of kind {description['kind']!r} cannot be trained further")
    return network


def step_form(network: StepNetwork) -> StepNetwork:
    """The same step in the form that is exported: as it stands, or in one that runs faster there.

    Its weights keep their names. Variants of the trunk that only studies use stay as they are.
    """
    from .trunk import TrunkTFCRNN
    from .trunk_step import TrunkStep

    if isinstance(network, TrunkTFCRNN) and network.feedback in ("state", "none"):
        return TrunkStep(network)
    return network
