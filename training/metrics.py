"""Running a network over whole tracks as a stream, and what to count of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .networks.step import StreamingNetwork


@dataclass(frozen=True)
class Run:
    """Logits of one track at every step: float32 (steps, C), and (steps,) for `music`."""

    logits: np.ndarray
    music: np.ndarray


@torch.inference_mode()
def stream_tracks(
    network: StreamingNetwork,
    audio: Mapping[str, np.ndarray],
    keys: Sequence[str],
    hop: int,
    *,
    carry: bool = True,
    batch: int = 32,
) -> dict[str, Run]:
    """Every track from its first sample to its last, many at once; `carry=False` forgets each step.

    Windows are those of streaming: zeros before the start, the last one padded at its end.
    """
    network.eval()
    window = network.window_for(hop)
    runs: dict[str, Run] = {}
    # Tracks of like length share a batch, so that few steps are padding.
    order = sorted(keys, key=lambda k: len(audio[k]))
    for first in range(0, len(order), batch):
        group = order[first : first + batch]
        counts = [-(-len(audio[k]) // hop) for k in group]
        padded = np.zeros((len(group), window - hop + max(counts) * hop), np.float32)
        for row, key in zip(padded, group, strict=True):
            row[window - hop : window - hop + len(audio[key])] = audio[key] / np.float32(32768)
        state = torch.zeros(len(group), network.state_size)
        logits: list[Tensor] = []
        music: list[Tensor] = []
        for t in range(max(counts)):
            step = network(torch.from_numpy(padded[:, t * hop : t * hop + window]), state)
            state = step.next_state if carry else state
            logits.append(step.logits)
            music.append(step.music)
        all_logits, all_music = torch.stack(logits, 1).numpy(), torch.stack(music, 1).numpy()
        for i, (key, count) in enumerate(zip(group, counts, strict=True)):
            runs[key] = Run(all_logits[i, :count], all_music[i, :count])
    return runs


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Probabilities over the last axis."""
    z = logits / temperature
    e = np.exp(z - z.max(-1, keepdims=True))
    return np.asarray(e / e.sum(-1, keepdims=True))


def accuracy(predicted: np.ndarray, true: np.ndarray) -> float:
    """Share of the tracks whose class was found."""
    return float((predicted == true).mean())


def macro_recall(predicted: np.ndarray, true: np.ndarray) -> float:
    """Mean over the classes present of the share that was found."""
    return float(np.mean([(predicted[true == c] == c).mean() for c in np.unique(true)]))


def interval(
    predicted: np.ndarray, true: np.ndarray, measure: object, seed: int = 0, draws: int = 2000
) -> tuple[float, float]:
    """95 % bootstrap interval of a measure over tracks."""
    assert callable(measure)
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, len(true), (draws, len(true)))
    values = [measure(predicted[p], true[p]) for p in picks]
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
