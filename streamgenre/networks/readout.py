"""From the features of a step to its outputs: GRU, running statistics and output layers.

The backbone network and its exported form share these layers. Attributes must keep their names,
since model files and checkpoints store weights under them.
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
"""Input of the classifier: the GRU's state, or running statistics together with it."""

DEFAULT_HOP = 2.5  # s, if the state does not contain the hop
_ENOUGH = 1.0  # s of music, weighted, below which the logits are scaled down
_STATE_DROPOUT = 0.5  # of the GRU's state, so that the network does not ignore the statistics


class Tick(NamedTuple):
    """One recurrent step."""

    logits: Tensor  # (B, C)
    next_state: Tensor  # (B, S)
    embedding: Tensor  # (B, E), input for the classifier of an adapted model


class Readout(StepNetwork):
    """GRU, running statistics and output layers.

    The state holds the GRU's state, the memory of the statistics and, as the last entry, the hop in
    seconds, where 0 stands for `DEFAULT_HOP`. The decay of the statistics depends on the hop, and
    one graph serves all hops.
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
        """Create the layers on `features`; for the arguments, see TrunkTFCRNN."""
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
        """Share the layers of another network."""
        for name in (
            "size", "memory", "features_size", "embedding_size", "state_size",
            "hop_entry", "gru", "dropout", "state_dropout", "statistics", "inner", "from_state",
            "window_inner", "window_classifier", "classifier", "music", "styles", "speech",
        ):  # fmt: skip
            setattr(self, name, getattr(other, name))
        if other.statistics is not None:
            self.register_buffer("default_hop", other.default_hop)

    def drop_classifier(self) -> None:
        """See StepNetwork. Keeps the classifier of single windows, whose mean is in the state."""
        super().drop_classifier()
        self.inner = self.from_state = None

    def tick(self, features: Tensor, active: Tensor, state: Tensor) -> Tick:
        """One recurrent step.

        Args:
            features: (B, F).
            active: share of active frames, (B,).
            state: (B, S).
        """
        h = self.gru(features, state[:, : self.size])
        if self.statistics is None:
            return Tick(self.classifier(self.dropout(h)), h, features)
        assert self.window_inner is not None and self.window_classifier is not None
        hop = state[:, -1:]
        seconds = torch.where(hop > 0, hop, self.default_hop)
        # Squared, since a mostly padded window is less reliable than its share of active frames.
        weight = active**2 * torch.sigmoid(self.music(features)[:, 0]).detach()
        alone = self.window_classifier(self.dropout(F.relu(self.window_inner(features))))
        summary: Summary = self.statistics(
            features, F.log_softmax(alone, 1), weight, seconds, state[:, self.size : -1]
        )
        logits = summary.log_probabilities
        if self.inner is not None and self.from_state is not None:
            hidden = self.inner(summary.mean) + self.from_state(self.state_dropout(h))
            whole = F.log_softmax(self.classifier(self.dropout(F.relu(hidden))), 1)
            # The errors differ: single windows are better in the first seconds, the mean later.
            logits = (whole + logits) / 2
        # The first short hops of a stream are mostly padding. Their outputs are kept near uniform,
        # so that they affect neither a decision nor a mean over steps.
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
