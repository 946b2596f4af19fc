"""TF-CRNN on a pretrained squeeze-and-excitation backbone.

Kim & Nam (2019, 2022) introduce temporal feedback as an extension of squeeze-and-excitation: the
gate of a block is also computed from the previous hidden state. Here, the backbone is MobileNetV3
at width 0.4, pretrained on AudioSet (EfficientAT mn04, Schmid, Koutini, Widmer 2023, MIT licence).
The gates have form G3 (see tfcrnn.py) with the weights of the bottleneck split in two: those for
the channel means are pretrained, and those for h[t-1] start at zero. Training therefore starts from
the pretrained backbone. Batch norm is folded into the convolutions. There is one recurrent tick per
step, and the window is 2.5 s for any hop. Blocks before `first_feedback` keep their pretrained
gates, so their output does not depend on the state.

With `memory="statistics"`, the classifier reads the running mean of the features (statistics.py)
and the GRU's state. Its output is averaged with the running mean of a classifier of single windows.
A GRU alone overfits small data sets, and the running means do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .augment import augmented
from .logmel import LogMel, activity
from .readout import Memory, Readout
from .step import SequenceLogits, SequenceOptions, StepLogits, TrainableNetwork
from .weights import read_state_dict

WINDOW = 40_000  # 2.5 s at 16 kHz; better than 1 s in every metric
_SHORTEST = 8_000  # the backbone halves the number of frames five times

Feedback = Literal["state", "none", "window", "other"]
"""Feedback input of the gates.

"state" is h[t-1]; "none" is no feedback. The others are controls of the same size: "window" is the
state computed from the current window alone, and "other" is h[t-1] of the previous stream in the
batch.
"""


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
    """Channels at a width factor: a multiple of 8, at least 90 % of the exact number."""
    size = max(8, int(channels * width + 4) // 8 * 8)
    return size + 8 if size < 0.9 * channels * width else size


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups)


class FeedbackGate(nn.Module):
    """Channel gate computed from channel means and h[t-1] (form G3 with a split first layer)."""

    def __init__(self, channels: int, squeezed: int, state: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, squeezed)
        self.feedback = nn.Linear(state, squeezed, bias=False) if state else None
        self.excite = nn.Linear(squeezed, channels)
        if self.feedback is not None:
            nn.init.zeros_(self.feedback.weight)

    def forward(self, x: Tensor, h: Tensor | None) -> Tensor:
        squeezed = self.squeeze(x.mean((2, 3)))
        if self.feedback is not None and h is not None:
            squeezed = squeezed + self.feedback(h)
        return torch.sigmoid(self.excite(F.relu(squeezed)))


class Block(nn.Module):
    """Inverted residual block: expand 1x1, depthwise, gate, project 1x1.

    `state`: size of the feedback input, 0 for none.
    """

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

    def forward(self, x: Tensor, h: Tensor | None) -> tuple[Tensor, Tensor | None]:
        y = x if self.expand is None else self.activation(self.expand(x))
        y = self.activation(self.depthwise(y))
        gate = None
        if self.gate is not None:
            gate = self.gate(y, h)
            y = y * gate[:, :, None, None]
        y = self.project(y)
        return (x + y if self.shortcut else y), gate


class _Head(nn.Module):
    """The pretrained classifier of the backbone, before the sigmoid."""

    def __init__(self, inputs: int, classes: int, width: float) -> None:
        super().__init__()
        # As published: 1,280 hidden units, scaled with the width.
        hidden = _scaled(1280, width)
        self.inner = nn.Linear(inputs, hidden)
        self.outer = nn.Linear(hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.outer(F.hardswish(self.inner(x)))
        return logits


class _Early(NamedTuple):
    """The outputs of the blocks before the first feedback. They do not depend on the state."""

    x: Tensor  # (B, C, bands, frames)
    means: list[Tensor]  # channel means (B, C) of each block
    gates: list[Tensor]  # mean (B,) of each gate


class TrunkTFCRNN(Readout, TrainableNetwork):
    """samples (B, window) and state (B, state_size) -> StepLogits.

    The GRU reads the embedding of the backbone and the channel means of every block, standardised
    with constants of the training data (`prepare`).

    Args:
        classes: number of classes.
        size: size of the GRU.
        width: width factor of the backbone.
        dropout: dropout before the classifier.
        window: samples.
        feedback: feedback input of the gates, see `Feedback`.
        first_feedback: number of the first block with feedback, from 1.
        styles: number of styles.
        classes_heard: number of classes of the pretrained classifier that the GRU also reads.
        levelled: scale every window to the same level, so that the output does not depend on the
            volume.
        level_range: two levels in dB; scale windows whose mean band power lies outside this range
            to the nearer limit.
        speech: add an output for speech. It is fitted with all other weights fixed
            (training/heads/speech.py), so `sequence` does not train it.
        memory: input of the classifier, see `Memory`.
        hidden: hidden units of the classifiers with `memory="statistics"`.
    """

    reads_logmel = True
    new_parts = (
        "gru.", "classifier.", "music.", "styles.", "speech.",
        "statistics.", "inner.", "from_state.", "window_inner.", "window_classifier.",
    )  # fmt: skip

    def __init__(
        self,
        classes: int,
        size: int = 256,
        width: float = 0.4,
        dropout: float = 0.3,
        window: int = WINDOW,
        feedback: Feedback = "state",
        first_feedback: int = 1,
        styles: int = 0,
        classes_heard: int = 0,
        levelled: bool = False,
        level_range: Sequence[float] | None = None,
        speech: bool = False,
        memory: Memory = "gru",
        hidden: int = 512,
    ) -> None:
        super().__init__()
        if size < 1 or width <= 0 or hidden < 1 or window < _SHORTEST:
            raise ValueError(
                f"size, width and hidden must be positive, window at least {_SHORTEST} samples"
            )
        blocks = range(1, len(_ROWS) + 1)
        if feedback not in get_args(Feedback) or first_feedback not in blocks or styles < 0:
            raise ValueError(
                f"feedback must be one of {', '.join(get_args(Feedback))}, first_feedback an "
                f"integer from 1 to {len(_ROWS)}, and styles 0 or more"
            )
        if level_range is not None and (len(level_range) != 2 or level_range[0] > level_range[1]):
            raise ValueError("level_range must be two levels in dB, the lower one first")
        if memory not in get_args(Memory):
            raise ValueError(f"memory must be {' or '.join(get_args(Memory))}")
        self.window, self.feedback, self.first_feedback = window, feedback, first_feedback
        self.front = LogMel()
        self.level_range = (0.0, 0.0) if levelled else level_range
        self.stem = _conv(1, _scaled(16, width), 3, 2)
        read = size if feedback != "none" else 0
        self.blocks = nn.ModuleList(
            Block(row, width, read if number >= first_feedback else 0)
            for number, row in enumerate(_ROWS, 1)
        )
        last = _scaled(160, width)
        self.top = _conv(last, 6 * last, 1)
        self.head = _Head(6 * last, classes_heard, width) if classes_heard else None
        means = sum(_scaled(row.outputs, width) for row in _ROWS)
        features = 6 * last + means + classes_heard
        self.register_buffer("feature_mean", torch.zeros(features))
        self.register_buffer("feature_scale", torch.ones(features))
        self.feature_mean: Tensor
        self.feature_scale: Tensor
        self.add_readout(classes, features, size, dropout, styles, speech, memory, hidden)

    def window_for(self, hop: int) -> int:
        """See StepNetwork: the window, for any hop."""
        if not 0 < hop <= self.window:
            raise ValueError(f"hop must be 1 to {self.window} samples, not {hop}")
        return self.window

    @property
    def gated_blocks(self) -> tuple[int, ...]:
        """See TrainableNetwork."""
        return tuple(i for i, block in enumerate(self.blocks, 1) if block.gate is not None)

    @torch.inference_mode()
    def prepare(self, windows: Tensor) -> None:
        """Set the constants that standardise the features."""
        features = self._late(self._early(self._logmel(windows)), None)[0]
        # Undo the present constants, so that `prepare` can be called again.
        features = features / self.feature_scale + self.feature_mean
        self.feature_mean.copy_(features.mean(0))
        self.feature_scale.copy_(1 / features.std(0).clamp_min(1e-3))

    def _logmel(self, samples: Tensor) -> Tensor:
        logmel: Tensor = self.front(samples)
        return logmel

    def level(self, logmel: Tensor) -> Tensor:
        """Apply `level_range` to log-mel (B, 1, bands, frames)."""
        return (
            logmel if self.level_range is None else self.front.levelled(logmel, *self.level_range)
        )

    def _early(self, logmel: Tensor) -> _Early:
        """Run log-mel (B, 1, bands, frames) through the blocks before the first feedback."""
        early = _Early(F.hardswish(self.stem(self.level(logmel))), [], [])
        return self._through(0, self.first_feedback - 1, early, None)

    def _through(self, first: int, last: int, before: _Early, h: Tensor | None) -> _Early:
        x, means, gates = before.x, list(before.means), list(before.gates)
        for block in list(self.blocks)[first:last]:
            x, gate = block(x, h)
            means.append(x.mean((2, 3)))
            if gate is not None:
                gates.append(gate.mean(1))
        return _Early(x, means, gates)

    def _late(self, early: _Early, h: Tensor | None) -> tuple[Tensor, Tensor]:
        """Run the other blocks; returns standardised features (B, E) and mean gates (B, G)."""
        x, means, gates = self._through(self.first_feedback - 1, len(self.blocks), early, h)
        top = F.hardswish(self.top(x)).mean((2, 3))
        logits = [] if self.head is None else [self.head(top)]
        joined = torch.cat([top, *means, *logits], 1)
        standard: Tensor = (joined - self.feature_mean) * self.feature_scale
        return standard, torch.stack(gates, 1)

    def _fed_back(self, early: _Early, h: Tensor) -> Tensor | None:
        """Feedback input of the gates for early blocks and GRU state (B, size)."""
        if self.feedback == "none":
            return None
        if self.feedback == "other":
            # A batch of one has no other stream, so use zeros.
            return h.roll(1, 0) if len(h) > 1 else torch.zeros_like(h)
        if self.feedback == "window":
            with torch.no_grad():
                alone: Tensor = self.gru(self._late(early, None)[0], torch.zeros_like(h))
            return alone
        return h

    def prefixes_before(self, first_block: int) -> tuple[str, ...]:
        """See TrainableNetwork: the stem and the blocks before `first_block` (from 1, 0: none)."""
        if first_block < 1:
            return ()
        return ("stem.", *(f"blocks.{i}." for i in range(min(first_block, len(_ROWS) + 1) - 1)))

    def depth(self, name: str) -> int:
        """See TrainableNetwork."""
        parts = name.split(".")
        if parts[0] == "blocks":
            return len(_ROWS) - int(parts[1])
        return len(_ROWS) + 1 if parts[0] == "stem" else 0

    def feeds_back(self) -> bool:
        """Whether any feedback weight is non-zero. Initially, all are zero."""
        gates = [block.gate for block in self.blocks if isinstance(block, Block)]
        layers = [gate.feedback for gate in gates if gate is not None]
        return any(bool(layer.weight.any()) for layer in layers if layer is not None)

    def features(self, samples: Tensor, state: Tensor) -> Tensor:
        """Standardised features (B, F) of a step, the input of the GRU and of the output layers."""
        return self._features(self._logmel(samples), state)[0]

    def features_and_state(self, samples: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """`features` of a step, and the state (B, state_size) after it."""
        logmel = self._logmel(samples)
        features, _ = self._features(logmel, state)
        return features, self.tick(features, activity(logmel), state).next_state

    def _features(self, logmel: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, F) and mean gates (B, G) of log-mel (B, 1, bands, frames)."""
        early = self._early(logmel)
        return self._late(early, self._fed_back(early, state[:, : self.size]))

    def forward(self, samples: Tensor, state: Tensor) -> StepLogits:
        logmel = self._logmel(samples)
        features, gates = self._features(logmel, state)
        return self.read_out(features, gates, activity(logmel), state)

    def sequence(
        self, windows: Tensor, fresh: Tensor, state: Tensor, options: SequenceOptions
    ) -> SequenceLogits:
        """See TrainableNetwork. Spectra are augmented, with parameters drawn once per lane."""
        lanes, steps, window = windows.shape
        # Powers span nine decades, too many for half precision.
        with torch.no_grad(), torch.autocast(windows.device.type, enabled=False):
            power = self.front.power(windows.reshape(-1, window))
            power = augmented(power.reshape(lanes, steps, *power.shape[1:]), options.augmentation)
            logmel = self.front.log(power.flatten(0, 1))
            active = activity(logmel).reshape(lanes, steps)
        # Blocks that do not depend on the state are computed for all steps at once.
        with torch.set_grad_enabled(torch.is_grad_enabled() and not options.frozen):
            early = self._early(logmel)
            ahead = None
            if self.feedback in ("none", "window") or (options.frozen and not self.feeds_back()):
                read = self._fed_back(early, state.new_zeros(lanes * steps, self.size))
                ahead = self._late(early, read)[0].reshape(lanes, steps, -1)
        kept, logits = [], []
        for t in range(steps):
            state = self.restart(state, fresh[:, t])
            if ahead is None:
                now = _at(early, t, steps)
                features = self._late(now, self._fed_back(now, state[:, : self.size]))[0]
            else:
                features = ahead[:, t]
            noisy = features + options.noise * torch.randn_like(features)
            tick = self.tick(noisy, active[:, t], state)
            state = tick.next_state
            logits.append(tick.logits)
            kept.append(features)
        features = torch.stack(kept, 1)
        styles = None if self.styles is None else self.styles(features)
        ticks = torch.stack(logits, 1)[:, :, None]
        return SequenceLogits(ticks, self.music(features)[..., 0], state, features, styles)

    def start_from(self, checkpoint: str | Path) -> None:
        """Load a published EfficientAT MobileNetV3 state dict (.pt) and fold batch norm."""
        source = read_state_dict(checkpoint)

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
            if self.head is not None:
                for linear, place in ((self.head.inner, 2), (self.head.outer, 5)):
                    linear.weight.copy_(source[f"classifier.{place}.weight"])
                    linear.bias.copy_(source[f"classifier.{place}.bias"])


def _at(early: _Early, t: int, steps: int) -> _Early:
    """Step `t` of all lanes, from tensors (lanes * steps, ...)."""

    def pick(x: Tensor) -> Tensor:
        return x.reshape(-1, steps, *x.shape[1:])[:, t]

    return _Early(pick(early.x), [pick(m) for m in early.means], [pick(g) for g in early.gates])
