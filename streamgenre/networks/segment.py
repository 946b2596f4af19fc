"""Networks that classify whole segments without state, like most published ones.

As a step, they read their segment at any hop up to its length. They are therefore streamed,
evaluated and exported like recurrent networks. Their state is a single unused number.
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

    Subclasses implement `features` and `classify`.

    Args:
        length: length of the published segment in samples at `rate`.
        rate: published sample rate in Hz.
        embedding: size E of the input of the last layer.
    """

    overlap = 0.0
    """Overlap of consecutive segments as a share of their length, as published."""

    def __init__(self, length: int, rate: int, embedding: int) -> None:
        super().__init__()
        self.resample = Resample(rate, length)
        self.window = self.resample.window
        self.state_size = 1
        self.embedding_size = self.features_size = embedding

    def window_for(self, hop: int) -> int:
        """Length of the segment, for any hop. Raises ValueError for longer hops."""
        if not 0 < hop <= self.window:
            raise ValueError(
                f"hop must be at most {self.window} samples ({self.window / SAMPLE_RATE:.3f} s), "
                f"not {hop}"
            )
        return self.window

    @abstractmethod
    def features(self, samples: Tensor) -> Tensor:
        """Features (B, ...) of samples (B, length) at the published rate; without weights."""

    @abstractmethod
    def classify(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, C) and embedding (B, E), the input of the last layer."""

    def forward(self, samples: Tensor, state: Tensor) -> StepLogits:
        logits, embedding = self.classify(self.features(self.resample(samples)))
        # These networks do not detect music, so everything counts as music.
        music = torch.full_like(state[:, 0], 20.0)
        return StepLogits(logits, music, state * 0.0, state[:, :0], embedding)

    def sequence(
        self, windows: Tensor, fresh: Tensor, state: Tensor, options: SequenceOptions
    ) -> SequenceLogits:
        """See TrainableNetwork. Each segment is independent."""
        lanes, steps = windows.shape[:2]
        # Samples and spectra need more than the 8-bit precision of bfloat16.
        with torch.no_grad(), torch.autocast(windows.device.type, enabled=False):
            features = self.features(self.resample(windows.flatten(0, 1)))
        logits, _ = self.classify(features)
        return SequenceLogits(logits.reshape(lanes, steps, 1, -1), None, state)

    @torch.inference_mode()
    def prepare(self, windows: Tensor) -> None:
        """Measure mean and standard deviation of the features for each `Standardise` module."""
        modules = [m for m in self.modules() if isinstance(m, Standardise)]
        for standardise in modules:
            standardise.measured = False
        if modules:
            parts = [self.features(self.resample(some)) for some in torch.split(windows, 32)]
            features = torch.cat(parts)
            for standardise in modules:
                standardise.measure(features)


class Standardise(nn.Module):
    """Standardise features (B, ...) with mean and standard deviation of the training data.

    `channels`: size of the axis after the batch, for one mean and deviation per entry; 1 for a
    single mean and deviation. Deviations are at least a hundredth of the largest one, so that
    nearly constant channels, such as bands above the bandwidth of the audio, stay near zero.
    """

    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("deviation", torch.ones(channels))
        self.mean: Tensor
        self.deviation: Tensor
        self.measured = True

    def measure(self, features: Tensor) -> None:
        """Set mean and deviation from features that are not standardised."""
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
