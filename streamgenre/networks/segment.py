"""Networks that read a whole segment at once and carry nothing on: most of the published ones.

As a step they read their segment with any hop up to its length, so they stream, are measured and
exported like networks with a memory; their state is a number that nobody reads.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn

from ..audio.logmel import SAMPLE_RATE
from .resample import Resample
from .step import SequenceLogits, SequenceOptions, StepLogits, TrainableNetwork


class SegmentNetwork(TrainableNetwork):
    """samples (B, window) at 16 kHz -> StepLogits of the segment.

    A subclass gives `features` and `classify`. Args: `length` of the segment in samples at `rate`
    Hz, as published; `embedding`: E of what the last layer reads.
    """

    overlap = 0.0
    """Share of a segment that the next one repeats, where a track is read as published."""

    def __init__(self, length: int, rate: int, embedding: int) -> None:
        super().__init__()
        self.resample = Resample(rate, length)
        self.window = self.resample.window
        self.state_size = 1
        self.embedding_size = self.features_size = embedding

    def window_for(self, hop: int) -> int:
        """The segment, whatever the hop; longer hops would leave samples unheard."""
        if not 0 < hop <= self.window:
            raise ValueError(
                f"hop must be {self.window} samples at most ({self.window / SAMPLE_RATE:.3f} s), "
                f"not {hop}"
            )
        return self.window

    @abstractmethod
    def features(self, samples: Tensor) -> Tensor:
        """The network's input (B, ...) from samples (B, length) at its own rate; no weights."""

    @abstractmethod
    def classify(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, C) and embedding (B, E), what the last layer reads."""

    def forward(self, samples: Tensor, state: Tensor) -> StepLogits:
        logits, embedding = self.classify(self.features(self.resample(samples)))
        # They tell genres, not music from speech: all is music to them.
        music = torch.full_like(state[:, 0], 20.0)
        return StepLogits(logits, music, state * 0.0, state[:, :0], embedding)

    def sequence(
        self, windows: Tensor, fresh: Tensor, state: Tensor, options: SequenceOptions
    ) -> SequenceLogits:
        """See TrainableNetwork; every segment by itself."""
        lanes, steps = windows.shape[:2]
        # Samples and spectra need more than the eight bits of mixed precision.
        with torch.no_grad(), torch.autocast(windows.device.type, enabled=False):
            features = self.features(self.resample(windows.flatten(0, 1)))
        logits, _ = self.classify(features)
        return SequenceLogits(logits.reshape(lanes, steps, 1, -1), None, state)

    @torch.inference_mode()
    def prepare(self, windows: Tensor) -> None:
        """Measure the features' mean and deviation, where there is a `Standardise` for them."""
        found = [m for m in self.modules() if isinstance(m, Standardise)]
        for standardise in found:
            standardise.measured = False
        if found:
            parts = [self.features(self.resample(some)) for some in torch.split(windows, 32)]
            features = torch.cat(parts)
            for standardise in found:
                standardise.measure(features)


class Standardise(nn.Module):
    """Features (B, ...) less their mean, over their deviation, as measured on the training data.

    `channels`: one mean and deviation for each entry of the first axis behind the batch; 1: one
    of everything. What hardly varies (bands above the sound's own) stays near zero: its deviation
    counts as a hundredth of the largest at least.
    """

    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("deviation", torch.ones(channels))
        self.mean: Tensor
        self.deviation: Tensor
        self.measured = True

    def measure(self, features: Tensor) -> None:
        """Fix the constants from features that have not passed through here."""
        if len(self.mean) == 1:
            self.mean.copy_(features.mean())
            self.deviation.copy_(features.std().clamp_min(1e-5))
        else:
            rows = features.transpose(0, 1).flatten(1)
            self.mean.copy_(rows.mean(1))
            deviation = rows.std(1)
            self.deviation.copy_(deviation.clamp_min(max(1e-5, float(deviation.max()) / 100)))
        self.measured = True

    def forward(self, features: Tensor) -> Tensor:
        if not self.measured:
            return features
        shape = [1, -1] + [1] * (features.dim() - 2)
        return (features - self.mean.view(shape)) / self.deviation.view(shape)
