"""From the features of a step to its outputs: GRU, running statistics, and the layers on them.

Shared by the trunk in training and by the form of it that is exported. Attributes keep the names
under which model files and checkpoints hold their weights.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .gru import GRUCell
from .statistics import RunningStatistics, Summary
from .step import StepLogits, StepNetwork

Memory = Literal["gru", "statistics"]
"""What the classifier reads: the GRU's state alone, or running statistics joined with it."""

DEFAULT_HOP = 2.5  # s, where the state does not name the hop
_ENOUGH = 1.0  # s of music, after weighting, from which on the logits stand as they are
_STATE_DROPOUT = 0.5  # of the GRU's state before it joins the statistics, which it must not replace


class Tick(NamedTuple):
    """One recurrent step."""

    logits: Tensor  # (B, C)
    next_state: Tensor  # (B, S)
    embedding: Tensor  # (B, E), what the classifier of another set of genres should read


class Readout(StepNetwork):
    """The state is the GRU's (size), then the statistics' memory and the hop in seconds.

    The hop is the last entry of the state: 0 stands for `DEFAULT_HOP`. The decay of the statistics
    needs it, and one graph serves every hop.
    """

    def add_readout(
        self,
        classes: int,
        features: int,
        size: int,
        dropout: float,
        styles: int,
        speech: bool,
        memory: Memory,
        hidden: int,
    ) -> None:
        """Make the layers on `features`; arguments as those of TrunkTFCRNN."""
        self.size, self.memory = size, memory
        self.features_size = self.embedding_size = features
        self.gru = GRUCell(features, size)
        self.dropout, self.state_dropout = nn.Dropout(dropout), nn.Dropout(_STATE_DROPOUT)
        self.statistics = self.inner = self.from_state = None
        self.window_inner = self.window_classifier = None
        self.state_size = size
        if memory == "statistics":
            self.statistics = RunningStatistics(features, classes)
            self.window_inner = nn.Linear(features, hidden)
            self.window_classifier = nn.Linear(hidden, classes)
            self.inner = nn.Linear(features, hidden)
            self.from_state = nn.Linear(size, hidden, bias=False)
            nn.init.zeros_(self.from_state.weight)
            self.register_buffer("default_hop", torch.tensor(DEFAULT_HOP))
            self.default_hop: Tensor
            self.state_size = size + self.statistics.memory_size + 1
            self.hop_entry = self.state_size - 1
        self.classifier = nn.Linear(hidden if memory == "statistics" else size, classes)
        self.music = nn.Linear(features, 1)
        self.styles = nn.Linear(features, styles) if styles else None
        self.speech = nn.Linear(features, 1) if speech else None

    def share_readout(self, other: Readout) -> None:
        """Use the layers of another network."""
        for name in (
            "size", "memory", "features_size", "embedding_size", "state_size",
            "hop_entry", "gru", "dropout", "state_dropout", "statistics", "inner", "from_state",
            "window_inner", "window_classifier", "classifier", "music", "styles", "speech",
        ):  # fmt: skip
            setattr(self, name, getattr(other, name))
        if other.statistics is not None:
            self.register_buffer("default_hop", other.default_hop)

    def drop_classifier(self) -> None:
        """See StepNetwork. The classifier of single windows stays: the state holds its mean."""
        super().drop_classifier()
        self.inner = self.from_state = None

    def tick(self, features: Tensor, active: Tensor, state: Tensor) -> Tick:
        """Features (B, F), share of active frames (B,) and state (B, S) -> one recurrent step."""
        h = self.gru(features, state[:, : self.size])
        if self.statistics is None:
            return Tick(self.classifier(self.dropout(h)), h, features)
        assert self.window_inner is not None and self.window_classifier is not None
        hop = state[:, -1:]
        seconds = torch.where(hop > 0, hop, self.default_hop)
        # The square: a window that is mostly padding says less than its share of frames.
        weight = active**2 * torch.sigmoid(self.music(features)[:, 0]).detach()
        alone = self.window_classifier(self.dropout(F.relu(self.window_inner(features))))
        summary: Summary = self.statistics(
            features, F.log_softmax(alone, 1), weight, seconds, state[:, self.size : -1]
        )
        logits = summary.log_probabilities
        if self.inner is not None and self.from_state is not None:
            hidden = self.inner(summary.mean) + self.from_state(self.state_dropout(h))
            whole = F.log_softmax(self.classifier(self.dropout(F.relu(hidden))), 1)
            # The two err differently: windows are better in the first seconds, the mean later.
            logits = (whole + logits) / 2
        # The first short hops of a stream are mostly padding: their outputs stay near uniform, so
        # that they neither decide nor weigh in a mean over steps.
        logits = logits * (summary.seconds / _ENOUGH).clamp(max=1.0)
        return Tick(logits, torch.cat([h, summary.memory, hop], 1), summary.mean)

    def read_out(
        self, features: Tensor, gates: Tensor, active: Tensor, state: Tensor
    ) -> StepLogits:
        """All outputs of a step."""
        tick = self.tick(features, active, state)
        return StepLogits(
            tick.logits,
            self.music(features)[:, 0],
            tick.next_state,
            gates,
            tick.embedding,
            None if self.styles is None else torch.sigmoid(self.styles(features)),
            None if self.speech is None else self.speech(features)[:, 0],
        )
