"""The step of the backbone network in an equivalent form that ONNX Runtime computes faster.

ONNX Runtime's convolutions process 16 channels at a time and repack other tensors. Every width is
therefore padded to a multiple of 16 with zero channels, which stay zero, since ReLU and hard swish
map 0 to 0. Gates and means are convolutions and poolings, which need no repacking. The means of all
gates are one matrix product. Weights keep their names, and padded ones hold the originals in their
corner.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .logmel import activity
from .readout import Readout
from .step import StepLogits
from .trunk import Block, FeedbackGate, TrunkTFCRNN

CHANNELS = 16
_SHORT_SUM = 512


def _wide(channels: int) -> int:
    return -(-channels // CHANNELS) * CHANNELS


def _filled(values: Tensor, *shape: int) -> Tensor:
    """`values` in the corner of a tensor of zeros."""
    wide = values.new_zeros(shape)
    wide[tuple(slice(n) for n in values.shape)] = values
    return wide


def _widened_conv(conv: nn.Conv2d) -> nn.Conv2d:
    outputs = _wide(conv.out_channels)
    inputs = conv.in_channels if conv.in_channels == 1 else _wide(conv.in_channels)
    kernel, stride = conv.kernel_size[0], conv.stride[0]
    groups = outputs if conv.groups > 1 else 1
    wide = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups)
    assert conv.bias is not None
    wide.weight = nn.Parameter(_filled(conv.weight, *wide.weight.shape))
    wide.bias = nn.Parameter(_filled(conv.bias, outputs))
    return wide


def _widened_linear(linear: nn.Linear, inputs: int, outputs: int) -> nn.Linear:
    wide = nn.Linear(inputs, outputs, bias=linear.bias is not None)
    wide.weight = nn.Parameter(_filled(linear.weight, outputs, inputs))
    if linear.bias is not None:
        wide.bias = nn.Parameter(_filled(linear.bias, outputs))
    return wide


def _pointwise(linear: nn.Linear, x: Tensor) -> Tensor:
    """Apply a linear layer to channels (B, C, 1, 1)."""
    return F.conv2d(x, linear.weight[:, :, None, None], linear.bias)


def _means(x: Tensor) -> Tensor:
    """Channel means (B, C, 1, 1) of maps (B, C, bands, frames).

    A runtime may sum thousands of float32 numbers one by one. Two short sums are more accurate.
    """
    bands, frames = int(x.shape[2]), int(x.shape[3])  # constants of the graph
    if bands * frames > _SHORT_SUM:
        x = F.avg_pool2d(x, (bands, 1))
    return F.adaptive_avg_pool2d(x, 1)


class _Gate(nn.Module):
    def __init__(self, gate: FeedbackGate) -> None:
        super().__init__()
        self.channels = gate.excite.out_features
        wide, squeezed = _wide(self.channels), _wide(gate.squeeze.out_features)
        self.squeeze = _widened_linear(gate.squeeze, wide, squeezed)
        self.feedback = None
        if gate.feedback is not None:
            state = gate.feedback.in_features
            self.feedback = _widened_linear(gate.feedback, state, squeezed)
        self.excite = _widened_linear(gate.excite, squeezed, wide)

    def forward(self, x: Tensor, h: Tensor | None) -> Tensor:
        squeezed = _pointwise(self.squeeze, _means(x))
        if self.feedback is not None and h is not None:
            squeezed = squeezed + _pointwise(self.feedback, h)
        return torch.sigmoid(_pointwise(self.excite, F.relu(squeezed)))


class _Block(nn.Module):
    def __init__(self, block: Block) -> None:
        super().__init__()
        self.expand = None if block.expand is None else _widened_conv(block.expand)
        self.depthwise = _widened_conv(block.depthwise)
        self.gate = None if block.gate is None else _Gate(block.gate)
        self.project = _widened_conv(block.project)
        self.activation, self.shortcut, self.outputs = (
            block.activation, block.shortcut, block.outputs,
        )  # fmt: skip

    def forward(self, x: Tensor, h: Tensor | None) -> tuple[Tensor, Tensor | None]:
        y = x if self.expand is None else self.activation(self.expand(x))
        y = self.activation(self.depthwise(y))
        gate = None
        if self.gate is not None:
            gate = self.gate(y, h)
            y = y * gate
        y = self.project(y)
        return (x + y if self.shortcut else y), gate


class TrunkStep(Readout):
    """samples (B, window) and state (B, state_size) -> StepLogits, as from `trunk`.

    It runs single steps only and cannot be trained.
    """

    reads_logmel = True

    def __init__(self, trunk: TrunkTFCRNN) -> None:
        super().__init__()
        self.trunk_window = trunk.window_for
        self.feedback = trunk.feedback
        self.front, self.level = trunk.front, trunk.level
        self.stem = _widened_conv(trunk.stem)
        blocks = [_Block(block) for block in trunk.blocks]  # type: ignore[arg-type]
        self.blocks = nn.ModuleList(blocks)
        self.top = _widened_conv(trunk.top)
        self.head = trunk.head
        self.share_readout(trunk)
        self.register_buffer("feature_mean", trunk.feature_mean)
        self.register_buffer("feature_scale", trunk.feature_scale)
        self.feature_mean: Tensor
        self.feature_scale: Tensor
        places: list[int] = []
        start = 0
        for channels in [trunk.top.out_channels, *(block.outputs for block in blocks)]:
            places += range(start, start + channels)
            start += _wide(channels)
        self.register_buffer("kept", torch.tensor(places), persistent=False)
        widths = [block.gate.channels for block in blocks if block.gate is not None]
        shares = [_filled(torch.full((n, 1), 1 / n), _wide(n), 1) for n in widths]
        means: Tensor = torch.block_diag(*shares)  # type: ignore[no-untyped-call]
        self.register_buffer("gate_means", means, persistent=False)
        self.kept: Tensor
        self.gate_means: Tensor

    def window_for(self, hop: int) -> int:
        """See StepNetwork."""
        return self.trunk_window(hop)

    def forward(self, samples: Tensor, state: Tensor) -> StepLogits:
        logmel = self.front(samples)
        x = F.hardswish(self.stem(self.level(logmel)))
        h = None if self.feedback == "none" else state[:, : self.size, None, None]
        means, gates = [], []
        for block in self.blocks:
            x, gate = block(x, h)
            means.append(_means(x))
            if gate is not None:
                gates.append(gate)
        top = _means(F.hardswish(self.top(x)))
        pooled = torch.cat([top, *means], 1).flatten(1)
        features = pooled[:, self.kept]
        if self.head is not None:
            classes = self.head(pooled[:, : self.top.out_channels])
            features = torch.cat([features, classes], 1)
        features = (features - self.feature_mean) * self.feature_scale
        gate_means = torch.cat(gates, 1).flatten(1) @ self.gate_means
        return self.read_out(features, gate_means, activity(logmel), state)
