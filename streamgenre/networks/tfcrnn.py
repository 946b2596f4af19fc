"""CRNN and TF-CRNN on the raw waveform, as published.

Kim & Nam, "Temporal Feedback Convolutional Recurrent Neural Networks" (MIREX 2019 for genre, 2022
for keywords). Each window of 200 ms, every 100 ms at 16 kHz, passes through a stack of
convolutions, and a GRU cell runs over the windows. After the pooling of each block, a gate computed
from h[t-1] scales the channels (temporal feedback). With the gate "none", this is the plain CRNN.

The gate "single" is that of the genre paper, one linear layer (G1). "two-layer" is that of the
later code for basic blocks (G2). "joined" is its squeeze-and-excitation form, on the channel means
of the block concatenated with h[t-1] (G3).

The paper does not specify the following:

- The window in the genre experiments: 200 ms here, as in the later code.
- The scale of the waveform: `scale`, the standard deviation of the training data.
- The meaning of "GRU weights start at zero": here, the state starts at zero and the weights at
  PyTorch's defaults. `zero_weights` is the other interpretation.
- The aggregation over a track: here, the mean of the outputs of its segments.
- Learning rate and length of training: see literature/rows/01-tfcrnn.toml.

As in the later code, the loss includes every window (many-to-many), and the output for a segment is
that of its last window. Two details of that code are omitted: the shift of the waveform by up to
10 ms in training, since segments begin anywhere, and the stages of the learning rate.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .gru import GRUCell
from .step import SequenceLogits, SequenceOptions, StepLogits, TrainableNetwork

WINDOW = 3_200  # 200 ms at 16 kHz; the stride is half of it
_SQUEEZE = 8
_SHORTEST = 81  # enough for three blocks
_GATES = ("none", "single", "two-layer", "joined")
_BLOCKS = ("basic", "se", "res-se")


def block_widths(width: int = 128, window: int = WINDOW) -> list[int]:
    """Channels of the blocks, doubled at the third and at the last one.

    >>> block_widths()
    [128, 128, 256, 256, 256, 512]
    """
    count = -1  # powers of three in the window, without the stem
    while window >= 3:
        window, count = window // 3, count + 1
    middle = [width * (2 if i >= 2 else 1) for i in range(count - 1)]
    return [*middle, middle[-1] * 2]


class _Gate(nn.Module):
    """Channel scales in 0..1, computed from channel means, h[t-1], or both."""

    def __init__(self, inputs: int, channels: int, layers: int) -> None:
        super().__init__()
        squeezed = channels // _SQUEEZE
        self.layers = (
            nn.Linear(inputs, channels)
            if layers == 1
            else nn.Sequential(
                nn.Linear(inputs, squeezed), nn.ReLU(), nn.Linear(squeezed, channels)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.layers(x))


class Block(nn.Module):
    """Convolution block with max pooling by 3 and gated channels."""

    def __init__(self, inputs: int, outputs: int, kind: str, gate: str, state: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, 3, padding=1)
        self.norm = nn.BatchNorm1d(outputs)
        self.second: nn.Sequential | None = None
        self.shortcut: nn.Module | None = None
        if kind == "res-se":
            self.second = nn.Sequential(
                nn.Dropout(0.2), nn.Conv1d(outputs, outputs, 3, padding=1), nn.BatchNorm1d(outputs)
            )
            self.shortcut = (
                nn.Sequential(nn.Conv1d(inputs, outputs, 1), nn.BatchNorm1d(outputs))
                if inputs != outputs
                else nn.Identity()
            )
        self.reads_means = gate == "joined" or (gate == "none" and kind != "basic")
        self.reads_state = gate != "none"
        gate_inputs = outputs * self.reads_means + state * self.reads_state
        self.gate = (
            _Gate(gate_inputs, outputs, 1 if gate == "single" else 2) if gate_inputs else None
        )

    def forward(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor | None]:
        y = F.relu(self.norm(self.conv(x)))
        if self.second is not None and self.shortcut is not None:
            y = F.relu(self.second(y) + self.shortcut(x))
        y = F.max_pool1d(y, 3)
        if self.gate is None:
            return y, None
        read = [y.mean(2)] * self.reads_means + [h] * self.reads_state
        gate = self.gate(torch.cat(read, 1))
        return y * gate[:, :, None], gate


class TFCRNN(TrainableNetwork):
    """samples (B, stride + hop) and state (B, size) -> StepLogits of the last tick.

    A tick reads `window` samples. The stride between ticks is half a window.

    Args:
        classes: number of classes.
        width: channels of the stem (128 as published).
        size: size of the GRU.
        block: "basic", "se" or "res-se".
        gate: "none", "single", "two-layer" or "joined".
        hop: samples, a multiple of the stride.
        scale: standard deviation of the training samples; `prepare` measures it.
        window: samples.
        zero_weights: initialise all weights of the GRU with zeros.
    """

    def __init__(
        self,
        classes: int,
        width: int = 128,
        size: int = 256,
        block: str = "basic",
        gate: str = "single",
        hop: int = 40_000,
        scale: float = 0.1,
        window: int = WINDOW,
        zero_weights: bool = False,
    ) -> None:
        super().__init__()
        if block not in _BLOCKS or gate not in _GATES:
            raise ValueError(f"block must be one of {_BLOCKS} and gate one of {_GATES}")
        if width < _SQUEEZE or size < 1 or scale <= 0:
            raise ValueError(f"width must be at least {_SQUEEZE}, size and scale positive")
        if window < _SHORTEST or window % 2:
            raise ValueError(f"window must be even and at least {_SHORTEST} samples, not {window}")
        self.window, self.stride = window, window // 2
        widths = block_widths(width, window)
        self.stem = nn.Conv1d(1, width, 3, stride=3, padding=1)
        self.stem_norm = nn.BatchNorm1d(width)
        inputs: Sequence[int] = [width, *widths]
        self.blocks = nn.ModuleList(
            Block(i, o, block, gate, size) for i, o in zip(inputs, widths, strict=False)
        )
        self.dropout = nn.Dropout(0.5)
        self.gru = GRUCell(widths[-1], size)
        if zero_weights:
            for parameter in self.gru.parameters():
                nn.init.zeros_(parameter)
        self.classifier = nn.Linear(size, classes)
        self.state_size = size
        self.embedding_size = self.features_size = widths[-1]
        self.register_buffer("scale", torch.tensor(scale))
        self.scale: Tensor
        self.window_for(hop)

    def window_for(self, hop: int) -> int:
        """See StepNetwork: the new samples and half a window before them."""
        if hop <= 0 or hop % self.stride:
            raise ValueError(f"hop must be a multiple of {self.stride} samples, not {hop}")
        return self.stride + hop

    def tick_for(self, hop: int) -> int:
        """See TrainableNetwork: half a window, for any hop."""
        return self.stride

    @property
    def gated_blocks(self) -> tuple[int, ...]:
        """See TrainableNetwork."""
        return tuple(i for i, block in enumerate(self.blocks, 1) if block.gate is not None)

    @torch.inference_mode()
    def prepare(self, windows: Tensor) -> None:
        """Set the scale of the waveform to the standard deviation of the training data."""
        self.scale.copy_(windows.std())

    def tick(self, window: Tensor, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One window (B, 3200) and h[t-1] -> h[t], mean gates (B, G), embedding (B, E)."""
        x = F.relu(self.stem_norm(self.stem(window[:, None] / self.scale)))
        gates = []
        for block in self.blocks:
            x, gate = block(x, h)
            if gate is not None:
                gates.append(gate.mean(1))
        embedding = x.amax(2)
        h = self.gru(self.dropout(embedding), h)
        return h, torch.stack(gates, 1) if gates else h[:, :0], embedding

    def forward(self, samples: Tensor, state: Tensor) -> StepLogits:
        gates = embedding = state
        for start in range(0, samples.shape[1] - self.stride, self.stride):
            state, gates, embedding = self.tick(samples[:, start : start + self.window], state)
        # The published network does not detect music, so everything counts as music.
        music = torch.full_like(state[:, 0], 20.0)
        return StepLogits(self.classifier(state), music, state, gates, embedding)

    def sequence(
        self, windows: Tensor, fresh: Tensor, state: Tensor, options: SequenceOptions
    ) -> SequenceLogits:
        """See TrainableNetwork. Every tick is classified (many-to-many)."""
        steps, ticks = windows.shape[1], windows.shape[2] // self.stride - 1
        states = []
        for t in range(steps):
            state = self.restart(state, fresh[:, t])
            for k in range(ticks):
                window = windows[:, t, k * self.stride : k * self.stride + self.window]
                state, _, _ = self.tick(window, state)
                states.append(state)
        logits = self.classifier(torch.stack(states, 1))
        return SequenceLogits(logits.unflatten(1, (steps, ticks)), None, state)
