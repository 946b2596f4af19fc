"""TF-CRNN on a pretrained squeeze-and-excitation trunk.

Kim & Nam (2019, 2022) introduce temporal feedback as an extension of squeeze-and-excitation:
the previous hidden state joins what a block's gate is computed from. Here the gates are those of
MobileNetV3 at width 0.4, pretrained on AudioSet (EfficientAT mn04, Schmid, Koutini, Widmer 2023,
MIT licence). Their form is G3 with the bottleneck's weights split in two: those on the channel
means come pretrained, those on h[t-1] start at zero, so training starts at the pretrained trunk.
Batch norm is folded into the convolutions. One recurrent tick a step; the window is 2.5 s
whatever the hop.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .augment import mask_and_colour
from .gru import GRUCell
from .logmel import LogMel
from .step import SequenceLogits, StepLogits, StreamingNetwork, start_anew

WINDOW = 40_000  # 2.5 s at 16 kHz, which did better than 1 s at every measure
_SHORTEST = 8_000  # the trunk halves its frames five times


class _Row(NamedTuple):
    """A row of MobileNetV3-Large (Howard et al. 2019, table 1), before the width factor."""

    inputs: int
    kernel: int
    expanded: int
    outputs: int
    gated: bool
    hardswish: bool
    stride: int


_ROWS = [
    _Row(16, 3, 16, 16, False, False, 1),
    _Row(16, 3, 64, 24, False, False, 2),
    _Row(24, 3, 72, 24, False, False, 1),
    _Row(24, 5, 72, 40, True, False, 2),
    _Row(40, 5, 120, 40, True, False, 1),
    _Row(40, 5, 120, 40, True, False, 1),
    _Row(40, 3, 240, 80, False, True, 2),
    _Row(80, 3, 200, 80, False, True, 1),
    _Row(80, 3, 184, 80, False, True, 1),
    _Row(80, 3, 184, 80, False, True, 1),
    _Row(80, 3, 480, 112, True, True, 1),
    _Row(112, 3, 672, 112, True, True, 1),
    _Row(112, 5, 672, 160, True, True, 2),
    _Row(160, 5, 960, 160, True, True, 1),
    _Row(160, 5, 960, 160, True, True, 1),
]


def _scaled(channels: int, width: float) -> int:
    """Channels at a width factor: a multiple of 8, at least nine tenths of the exact size."""
    size = max(8, int(channels * width + 4) // 8 * 8)
    return size + 8 if size < 0.9 * channels * width else size


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups)


class FeedbackGate(nn.Module):
    """Channel gate from the block's means and h[t-1] (form G3, its first layer split in two)."""

    def __init__(self, channels: int, squeezed: int, state: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, squeezed)
        self.feedback = nn.Linear(state, squeezed, bias=False)
        self.excite = nn.Linear(squeezed, channels)
        nn.init.zeros_(self.feedback.weight)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        squeezed = F.relu(self.squeeze(x.mean((2, 3))) + self.feedback(h))
        return torch.sigmoid(self.excite(squeezed))


class Block(nn.Module):
    """Inverted residual: expand 1x1, depthwise, feedback gate, project 1x1."""

    def __init__(self, row: _Row, width: float, state: int) -> None:
        super().__init__()
        inputs, expanded, outputs = (
            _scaled(c, width) for c in (row.inputs, row.expanded, row.outputs)
        )
        self.expand = _conv(inputs, expanded, 1) if expanded != inputs else None
        self.depthwise = _conv(expanded, expanded, row.kernel, row.stride, groups=expanded)
        squeezed = _scaled(expanded // 4, 1.0)
        self.gate = FeedbackGate(expanded, squeezed, state) if row.gated else None
        self.project = _conv(expanded, outputs, 1)
        self.activation = F.hardswish if row.hardswish else F.relu
        self.shortcut = row.stride == 1 and inputs == outputs
        self.outputs = outputs

    def forward(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor | None]:
        y = x if self.expand is None else self.activation(self.expand(x))
        y = self.activation(self.depthwise(y))
        gate = None
        if self.gate is not None:
            gate = self.gate(y, h)
            y = y * gate[:, :, None, None]
        y = self.project(y)
        return (x + y if self.shortcut else y), gate


class TrunkTFCRNN(StreamingNetwork):
    """samples (B, window) and state (B, size) -> StepLogits.

    Args: `classes`; `size` of the GRU; `width` factor of the trunk; `dropout` before the
    classifier; `window` in samples. The GRU reads the trunk's embedding joined with the mean of
    every block, standardised by constants of the training data (`prepare`).
    """

    new_parts = ("gru.", "classifier.", "music.")

    def __init__(
        self,
        classes: int,
        size: int = 256,
        width: float = 0.4,
        dropout: float = 0.3,
        window: int = WINDOW,
    ) -> None:
        super().__init__()
        if size < 1 or width <= 0 or window < _SHORTEST:
            raise ValueError(f"size and width are positive, window is {_SHORTEST} samples at least")
        self.window = window
        self.front = LogMel()
        self.stem = _conv(1, _scaled(16, width), 3, 2)
        self.blocks = nn.ModuleList(Block(row, width, size) for row in _ROWS)
        last = _scaled(160, width)
        self.top = _conv(last, 6 * last, 1)
        self.embedding_size = 6 * last + sum(_scaled(row.outputs, width) for row in _ROWS)
        self.register_buffer("feature_mean", torch.zeros(self.embedding_size))
        self.register_buffer("feature_scale", torch.ones(self.embedding_size))
        self.feature_mean: Tensor
        self.feature_scale: Tensor
        self.gru = GRUCell(self.embedding_size, size)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(size, classes)
        self.music = nn.Linear(self.embedding_size, 1)
        self.state_size = size

    def window_for(self, hop: int) -> int:
        """Samples that a step of `hop` new samples reads: the window, whatever the hop."""
        if not 0 < hop <= self.window:
            raise ValueError(f"hop must be 1 to {self.window} samples, not {hop}")
        return self.window

    @torch.inference_mode()
    def prepare(self, windows: Tensor) -> None:
        """Fix the constants that bring the features to mean 0 and deviation 1."""
        state = windows.new_zeros(len(windows), self.state_size)
        features = self.features(self.front(windows), state)[0]
        # What the constants are now is undone: prepared twice is prepared once.
        features = features / self.feature_scale + self.feature_mean
        self.feature_mean.copy_(features.mean(0))
        self.feature_scale.copy_(1 / features.std(0).clamp_min(1e-3))

    def features(self, logmel: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """log-mel (B, 1, bands, frames) -> standardised features (B, E), mean gates (B, G)."""
        x = F.hardswish(self.stem(logmel))
        means, gates = [], []
        for block in self.blocks:
            x, gate = block(x, h)
            means.append(x.mean((2, 3)))
            if gate is not None:
                gates.append(gate.mean(1))
        top = F.hardswish(self.top(x)).mean((2, 3))
        joined = torch.cat([top, *means], 1)
        return (joined - self.feature_mean) * self.feature_scale, torch.stack(gates, 1)

    def feeds_back(self) -> bool:
        """Whether any gate hears the state: at the pretrained start none does."""
        gates = [block.gate for block in self.blocks if isinstance(block, Block)]
        return any(bool(gate.feedback.weight.any()) for gate in gates if gate is not None)

    def tick(self, features: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, E) and h[t-1] -> class logits (B, C) and h[t]."""
        h = self.gru(features, h)
        return self.classifier(self.dropout(h)), h

    def forward(self, samples: Tensor, state: Tensor) -> StepLogits:
        features, gates = self.features(self.front(samples), state)
        logits, next_state = self.tick(features, state)
        return StepLogits(logits, self.music(features)[:, 0], next_state, gates, features)

    def sequence(
        self, windows: Tensor, fresh: Tensor, state: Tensor, *, frozen: bool, noise: float
    ) -> SequenceLogits:
        """See StreamingNetwork; the spectra are augmented, a room or device a lane."""
        lanes, steps, window = windows.shape
        # The powers span nine decades: half precision would lose the quiet ones.
        with torch.no_grad(), torch.autocast(windows.device.type, enabled=False):
            power = self.front.power(windows.reshape(-1, window))
            power = mask_and_colour(power.reshape(lanes, steps, *power.shape[1:]))
            logmel = self.front.log(power)[:, 0]  # (lanes, steps, bands, frames)
        ahead = None
        if frozen and not self.feeds_back():  # nothing to wait for: all windows at once
            with torch.no_grad():
                none = state.new_zeros(lanes * steps, self.state_size)
                ahead = self.features(logmel.flatten(0, 1)[:, None], none)[0]
                ahead = ahead.reshape(lanes, steps, -1)
        logits, music = [], []
        for t in range(steps):
            state = start_anew(state, fresh[:, t])
            features = self.features(logmel[:, t, None], state)[0] if ahead is None else ahead[:, t]
            step, state = self.tick(features + noise * torch.randn_like(features), state)
            logits.append(step)
            music.append(self.music(features)[:, 0])
        return SequenceLogits(torch.stack(logits, 1)[:, :, None], torch.stack(music, 1), state)

    def start_from(self, checkpoint: str | Path) -> None:
        """Take over a published EfficientAT MobileNetV3 state dict (.pt), batch norm folded in."""
        source = torch.load(checkpoint, map_location="cpu", weights_only=True)

        def fold(conv: nn.Conv2d, name: str) -> None:
            norm = f"{name}.1"
            scale = source[f"{norm}.weight"] / torch.sqrt(source[f"{norm}.running_var"] + 1e-3)
            bias = source[f"{norm}.bias"] - source[f"{norm}.running_mean"] * scale
            conv.weight.copy_(source[f"{name}.0.weight"] * scale[:, None, None, None])
            assert conv.bias is not None
            conv.bias.copy_(bias)

        with torch.no_grad():
            fold(self.stem, "features.0")
            for number, block in enumerate(self.blocks, 1):
                assert isinstance(block, Block)
                parts = f"features.{number}.block."
                index = 0
                if block.expand is not None:
                    fold(block.expand, f"{parts}{index}")
                    index += 1
                fold(block.depthwise, f"{parts}{index}")
                index += 1
                if block.gate is not None:
                    gate = f"{parts}{index}.conc_se_layers.0."
                    for linear, layer in ((block.gate.squeeze, "fc1"), (block.gate.excite, "fc2")):
                        linear.weight.copy_(source[f"{gate}{layer}.weight"])
                        linear.bias.copy_(source[f"{gate}{layer}.bias"])
                    index += 1
                fold(block.project, f"{parts}{index}")
            fold(self.top, "features.16")
