"""What is learnt: the loss of a network over one batch of steps.

Cross-entropy at every tick with a genre (many-to-many, Kim & Nam 2019) and, where the network
tells music from the rest, binary cross-entropy at every step. Where tracks bear tags, the binary
cross-entropy of each at every tick stands for that of the genre. Teachers add (Hinton, Vinyals,
Dean 2015): their genres are mixed with the labels, or stand alone; their tags are learnt from the
features through a layer that is left behind, and as styles. Sums are divided by the counts of all
processes, so that the gradients of several equal those of one.
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

SECOND = 0.3  # share of a second acceptable genre in a clip's target

Total = Callable[[Tensor], Tensor]
"""A count of this process -> the mean of the counts of all processes."""


class Inputs:
    """A batch on a device, and the state before it.

    A plain object: Fabric would turn the tensors of anything else to half precision, and samples
    of sixteen bits need more than its eight.
    """

    def __init__(self, batch: Batch, state: Tensor) -> None:
        def here(array: np.ndarray) -> Tensor:
            return torch.from_numpy(array).to(state.device)

        self.windows, self.labels = here(batch.windows), here(batch.labels)
        self.second = here(batch.second)
        self.music, self.fresh = here(batch.music), here(batch.fresh)
        self.state = state
        self.taught = batch.taught is not None
        if batch.taught is not None:
            self.genres, self.genres_known = (
                here(batch.taught.genres),
                here(batch.taught.genres_known),
            )
            self.tags, self.tags_known = here(batch.taught.tags), here(batch.taught.tags_known)


class Learner(nn.Module):
    """A batch of steps -> (loss, next state); wraps the network for Fabric.

    `tags` maps features (..., E) to the logits of the teachers' tags (..., D); `styles` are the
    numbers of those tags that the network itself gives. `truth` (N, C), 0 or 1: what is learnt are
    the tags of N tracks, and a label is a track's number.
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
        """The loss, over the mean of the counts that `total` gives, and the state (B, S) after."""
        s = self.settings
        found = self.network.sequence(inputs.windows, inputs.fresh, inputs.state, self._options)
        if self.truth is None:
            target, known = self._target(inputs, found.logits.shape[-1])
            said = F.cross_entropy(
                found.logits.float().flatten(0, 2), target.flatten(0, 2), reduction="none"
            )
            loss = (said * known.flatten()).sum() / total(known.sum()).clamp_min(1)
        else:
            known = inputs.labels != NO_GENRE
            borne = self.truth[inputs.labels.clamp_min(0)]
            loss = _over_tags(found.logits, borne, known) / total(known.sum()).clamp_min(1)
        if found.music is not None and s.music_weight:
            heard = F.binary_cross_entropy_with_logits(
                found.music.float(), inputs.music, reduction="sum"
            )
            count = torch.tensor(inputs.music.numel(), device=inputs.music.device)
            loss = loss + s.music_weight * heard / total(count)
        if inputs.taught and found.features is not None and self.tags is not None:
            count = total(inputs.tags_known.sum()).clamp_min(1)
            heard = _over_tags(self.tags(found.features), inputs.tags, inputs.tags_known)
            loss = loss + s.tags_weight * heard / count
            if found.styles is not None:
                tags = inputs.tags[..., self._styles]
                heard = _over_tags(found.styles, tags, inputs.tags_known)
                loss = loss + s.tags_weight * heard / count
        return loss, found.state.detach().float()

    def _target(self, inputs: Inputs, classes: int) -> tuple[Tensor, Tensor]:
        """Distributions over the classes (B, T, K, C), and where there is one (B, T, K)."""
        s, labelled = self.settings, inputs.labels != NO_GENRE
        target = F.one_hot(inputs.labels.clamp_min(0), classes).float()
        second = F.one_hot(inputs.second.clamp_min(0), classes).float()
        target = target.lerp(second, SECOND * (inputs.second != NO_GENRE)[..., None].float())
        target = target * (1 - s.label_smoothing) + s.label_smoothing / classes
        if not inputs.taught:
            return target, labelled
        known = inputs.genres_known
        share = torch.where(labelled, s.teachers * known, 1.0)[..., None]
        return target.lerp(inputs.genres[:, :, None], share), labelled | known


def _over_tags(logits: Tensor, tags: Tensor, known: Tensor) -> Tensor:
    """Sum over the known steps or ticks of the mean binary cross-entropy over the tags."""
    loss = F.binary_cross_entropy_with_logits(logits.float(), tags, reduction="none").mean(-1)
    return (loss * known).sum()
