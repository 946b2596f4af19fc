"""The training loss of a network over one batch of steps.

The loss is the cross-entropy at every tick with a genre (many-to-many, Kim & Nam 2019), plus, for
networks with a music output, the binary cross-entropy at every step. For tagging, the binary
cross-entropy of the tags replaces the cross-entropy of the genres. Soft targets (Hinton, Vinyals,
Dean 2015) add two terms: their genres are mixed with the labels, or used alone without a label;
their tags are predicted from the features by an auxiliary layer, and as styles. Sums are divided by
the counts of all processes, so that the gradients do not depend on the number of processes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from streamgenre.networks.step import SequenceOptions, TrainableNetwork

from ..config import Optimiser
from ..streams.sequences import NO_GENRE, Batch

SECOND = 0.3  # share of a second acceptable genre in the target of a clip

Total = Callable[[Tensor], Tensor]
"""Maps a count of this process to the mean of the counts of all processes."""


class Inputs:
    """A batch on a device, with the state before it.

    A plain class, because Fabric would convert the tensors of a module or collection to half
    precision, and 16-bit samples need more than its eight bits.
    """

    def __init__(self, batch: Batch, state: Tensor) -> None:
        def to_device(array: np.ndarray) -> Tensor:
            return torch.from_numpy(array).to(state.device)

        self.windows, self.labels = to_device(batch.windows), to_device(batch.labels)
        self.second = to_device(batch.second)
        self.music, self.fresh = to_device(batch.music), to_device(batch.fresh)
        self.state = state
        self.soft_targets = batch.soft_targets is not None
        if batch.soft_targets is not None:
            self.genres, self.genres_known = (
                to_device(batch.soft_targets.genres),
                to_device(batch.soft_targets.genres_known),
            )
            self.tags, self.tags_known = (
                to_device(batch.soft_targets.tags),
                to_device(batch.soft_targets.tags_known),
            )


class Learner(nn.Module):
    """Computes (loss, next state) of a batch of steps; wraps the network for Fabric.

    `tags` maps features (..., E) to the logits of the tags of the soft targets (..., D). `styles`
    are the indices of the tags that the network itself outputs. `truth` (N, C), 0 or 1, is given
    for tagging: the tags of N tracks. The label of a step is then the index of its track.
    """

    def __init__(
        self,
        network: TrainableNetwork,
        settings: Optimiser,
        *,
        frozen: bool,
        tags: nn.Module | None = None,
        styles: Sequence[int] = (),
        truth: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.register_buffer("truth", truth, persistent=False)
        self.truth: Tensor | None
        self.network, self.settings = network, settings
        self._options = SequenceOptions(frozen, settings.feature_noise, settings.augmentation)
        self.tags, self._styles = tags, list(styles)

    def forward(self, inputs: Inputs, total: Total) -> tuple[Tensor, Tensor]:
        """Return the loss, normalised with the counts of `total`, and the next state (B, S)."""
        s = self.settings
        outputs = self.network.sequence(inputs.windows, inputs.fresh, inputs.state, self._options)
        if self.truth is None:
            target, known = self._target(inputs, outputs.logits.shape[-1])
            losses = F.cross_entropy(
                outputs.logits.float().flatten(0, 2), target.flatten(0, 2), reduction="none"
            )
            loss = (losses * known.flatten()).sum() / total(known.sum()).clamp_min(1)
        else:
            known = inputs.labels != NO_GENRE
            tags = self.truth[inputs.labels.clamp_min(0)]
            loss = _over_tags(outputs.logits, tags, known) / total(known.sum()).clamp_min(1)
        if outputs.music is not None and s.music_weight:
            losses = F.binary_cross_entropy_with_logits(
                outputs.music.float(), inputs.music, reduction="sum"
            )
            count = torch.tensor(inputs.music.numel(), device=inputs.music.device)
            loss = loss + s.music_weight * losses / total(count)
        if inputs.soft_targets and outputs.features is not None and self.tags is not None:
            count = total(inputs.tags_known.sum()).clamp_min(1)
            losses = _over_tags(self.tags(outputs.features), inputs.tags, inputs.tags_known)
            loss = loss + s.tags_weight * losses / count
            if outputs.styles is not None:
                tags = inputs.tags[..., self._styles]
                losses = _over_tags(outputs.styles, tags, inputs.tags_known)
                loss = loss + s.tags_weight * losses / count
        return loss, outputs.state.detach().float()

    def _target(self, inputs: Inputs, classes: int) -> tuple[Tensor, Tensor]:
        """Target distributions (B, T, K, C), and a mask of the ticks with a target (B, T, K)."""
        s, labelled = self.settings, inputs.labels != NO_GENRE
        target = F.one_hot(inputs.labels.clamp_min(0), classes).float()
        second = F.one_hot(inputs.second.clamp_min(0), classes).float()
        target = target.lerp(second, SECOND * (inputs.second != NO_GENRE)[..., None].float())
        target = target * (1 - s.label_smoothing) + s.label_smoothing / classes
        if not inputs.soft_targets:
            return target, labelled
        known = inputs.genres_known
        share = torch.where(labelled, s.teachers * known, 1.0)[..., None]
        return target.lerp(inputs.genres[:, :, None], share), labelled | known


def _over_tags(logits: Tensor, tags: Tensor, known: Tensor) -> Tensor:
    """Mean binary cross-entropy over the tags, summed over the known steps or ticks."""
    loss = F.binary_cross_entropy_with_logits(logits.float(), tags, reduction="none").mean(-1)
    return (loss * known).sum()
