"""Cost of a network: parameters, and multiply-adds per second of audio.

The multiply-adds of convolutions, linear and recurrent layers are counted in one forward pass. The
fixed front end (resampling, spectra) is left out, because networks share it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from streamgenre.networks.segment import SegmentNetwork
from streamgenre.networks.step import StepNetwork

_RATE = 16_000
_GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def parameters(network: nn.Module) -> int:
    """Number of trained weights."""
    return sum(p.numel() for p in network.parameters())


@torch.inference_mode()
def macs_per_second(network: StepNetwork, hop: int) -> float:
    """Multiply-adds per second of audio, for steps of `hop` samples or overlapping segments."""
    network.eval()
    samples = torch.zeros(1, network.window_for(hop))
    with _counting(network) as counted:
        if isinstance(network, SegmentNetwork):
            network.classify(network.features(network.resample(samples)))
        else:
            network(samples, torch.zeros(1, network.state_size))
    share = 1 - network.overlap if isinstance(network, SegmentNetwork) else 1.0
    return counted[0] * _RATE / (hop * share)


@contextmanager
def _counting(network: nn.Module) -> Iterator[list[float]]:
    counted = [0.0]

    def hook(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        counted[0] += _multiply_adds(module, inputs[0], output)

    handles = [
        module.register_forward_hook(hook)
        for module in network.modules()
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear | nn.RNNBase)
    ]
    try:
        yield counted
    finally:
        for handle in handles:
            handle.remove()


def _multiply_adds(module: nn.Module, given: Tensor, output: Any) -> float:
    if isinstance(module, nn.RNNBase):
        steps = given.shape[0] * given.shape[1] if given.dim() == 3 else given.shape[0]
        ways = 2 if module.bidirectional else 1
        total = 0
        for layer in range(module.num_layers):
            inputs = module.input_size if layer == 0 else module.hidden_size * ways
            total += ways * (inputs + module.hidden_size) * module.hidden_size
        gates = _GATES[module.mode.partition("_")[0]]
        return float(steps * total * gates)
    if isinstance(module, nn.Linear):
        return float(output.numel() * module.in_features)
    assert isinstance(module, nn.Conv1d | nn.Conv2d)
    kernel = module.weight[0].numel()  # of one output channel, groups included
    return float(output.numel() * kernel)
