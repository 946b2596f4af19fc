"""Embeddings of clips from a frozen backbone, and the inputs that training draws from them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streamgenre.networks.trunk import WINDOW, TrunkTFCRNN

from ..data import SAMPLE_RATE
from ..distillation.outputs import cached_outputs, windows
from ..inference import Progress

STRIDE = 1.0  # s between the embedded windows
_BATCH = 32


def embed(
    network: TrunkTFCRNN,
    audio: Mapping[str, NDArray[np.int16]],
    keys: Sequence[str],
    path: Path,
    progress: Progress,
) -> dict[str, NDArray[np.float32]]:
    """Features (windows, F) of every track, cached in the file `path`.

    `network` must have no state in its gates, because each window is embedded on its own.
    """

    @torch.inference_mode()
    def rows(samples: NDArray[np.floating]) -> NDArray[np.floating]:
        if len(samples) < WINDOW:
            samples = np.pad(samples, (0, WINDOW - len(samples)))
        cut, starts = windows(samples, WINDOW, round(STRIDE * SAMPLE_RATE))
        parts = [
            network.features(
                torch.from_numpy(cut[first : first + _BATCH]),
                network.initial_state(len(cut[first : first + _BATCH]), STRIDE),
            )
            for first in range(0, len(cut), _BATCH)
        ]
        middle = (starts + WINDOW / 2)[:, None] / SAMPLE_RATE
        return np.concatenate([middle, torch.cat(parts).numpy()], 1)

    features = cached_outputs(path, audio, keys, rows, progress)  # type: ignore[arg-type]
    return {key: np.asarray(values[:, 1:], np.float32) for key, values in features.items()}


class MeanEmbedding:
    """The mean embedding of each whole clip: the inputs of the baseline."""

    def __init__(self, clips: Sequence[NDArray[np.float32]]) -> None:
        """From the embeddings of clips (windows, E)."""
        self._means = torch.from_numpy(np.stack([clip.mean(0) for clip in clips]))

    def whole(self) -> Tensor:
        """See perceptron.Inputs."""
        return self._means

    def draw(self, clips: Tensor, generator: torch.Generator) -> Tensor:
        """See perceptron.Inputs."""
        return self._means[clips]


class Excerpts:
    """Mean embeddings of excerpts, pooled as in streamgenre.networks.statistics.

    Half of the excerpts are whole clips. The others have a random length and position, because the
    first seconds of a stream have to be classified too.
    """

    short = 0.5  # share of excerpts of random length

    def __init__(self, clips: Sequence[NDArray[np.float32]]) -> None:
        """From the embeddings of clips (windows, E)."""
        sums = [np.cumsum(np.pad(c, ((1, 0), (0, 0))), 0, dtype=np.float64) for c in clips]
        self._counts = torch.tensor([len(c) for c in clips])
        self._first = torch.tensor(np.cumsum([0, *(len(s) for s in sums)])[:-1])
        self._sums = torch.from_numpy(np.concatenate(sums).astype(np.float32))

    def whole(self) -> Tensor:
        """See perceptron.Inputs."""
        clips = torch.arange(len(self._counts))
        return self._pooled(clips, torch.zeros_like(clips), self._counts)

    def draw(self, clips: Tensor, generator: torch.Generator) -> Tensor:
        """See perceptron.Inputs."""
        counts = self._counts[clips]
        u, v, w = torch.rand((3, *clips.shape), generator=generator)
        length = (1 + u * counts).long().minimum(counts)
        length = torch.where(v < self.short, length, counts)
        begin = (w * (counts - length + 1)).long()
        return self._pooled(clips, begin, begin + length)

    def _pooled(self, clips: Tensor, begin: Tensor, end: Tensor) -> Tensor:
        sums = self._sums[self._first[clips] + end] - self._sums[self._first[clips] + begin]
        return sums / (end - begin)[..., None]


class Windows:
    """Single windows at random positions: inputs of the classifier of single windows."""

    def __init__(self, clips: Sequence[NDArray[np.float32]]) -> None:
        """From the embeddings of clips (windows, E)."""
        self._counts = torch.tensor([len(clip) for clip in clips])
        self._first = torch.tensor(np.cumsum([0, *(len(clip) for clip in clips)])[:-1])
        self._rows = torch.from_numpy(np.concatenate(clips))

    def whole(self) -> Tensor:
        """The central window of every clip: (clips, E)."""
        return self._rows[self._first + self._counts // 2]

    def draw(self, clips: Tensor, generator: torch.Generator) -> Tensor:
        """See perceptron.Inputs."""
        place = torch.rand(clips.shape, generator=generator) * self._counts[clips]
        return self._rows[self._first[clips] + place.long()]


def variance_within(clips: Sequence[NDArray[np.float32]]) -> Tensor:
    """Mean variance (E,) within a clip, over the clips of at least 15 s."""
    least = math.ceil(15 / STRIDE)
    long = [clip.var(0) for clip in clips if len(clip) >= least] or [c.var(0) for c in clips]
    return torch.from_numpy(np.mean(long, 0).astype(np.float32)).clamp_min(1e-3)
