"""Prediction for whole tracks with segment networks, as in the literature.

Segments overlap as the network specifies. A remainder shorter than a segment is left out. A track
shorter than a segment is repeated. The prediction for a track is the mean over its segments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from streamgenre.networks.segment import SegmentNetwork

_BATCH_SECONDS = 120.0  # of audio per batch
_RATE = 16_000


def segments_of(
    samples: NDArray[np.int16], window: int, overlap: float, most: int = 0
) -> NDArray[np.int16]:
    """Cut a track into segments (N, window), at most `most` (0: all), evenly spaced."""
    if len(samples) < window:
        return np.take(samples, np.arange(window), mode="wrap")[None]
    stride = max(1, round(window * (1 - overlap)))
    starts = np.arange(0, len(samples) - window + 1, stride)
    if most and len(starts) > most:
        starts = starts[np.linspace(0, len(starts) - 1, most).round().astype(int)]
    return np.stack([samples[start : start + window] for start in starts])


@torch.inference_mode()
def segment_tracks(
    network: SegmentNetwork,
    audio: Mapping[str, NDArray[np.int16]],
    keys: Sequence[str],
    *,
    overlap: float | None = None,
    most: int = 0,
) -> dict[str, NDArray[np.float32]]:
    """Return the logits (segments, C) of every track.

    Args:
        overlap: of the segments; None for that of the network.
        most: segments per track, 0 for all.
    """
    network.eval()
    device = next(network.parameters()).device
    share = network.overlap if overlap is None else overlap
    by_key: dict[str, list[NDArray[np.float32]]] = {key: [] for key in keys}
    size = max(1, round(_BATCH_SECONDS * _RATE / network.window))
    for owners, segments in _batches(audio, keys, network.window, share, most, size):
        windows = torch.from_numpy(segments.astype(np.float32) / 32768).to(device)
        state = torch.zeros(len(windows), network.state_size, device=device)
        logits = network(windows, state).logits.float().cpu().numpy()
        for key, row in zip(owners, logits, strict=True):
            by_key[key].append(row)
    return {key: np.stack(rows) for key, rows in by_key.items()}


def _batches(
    audio: Mapping[str, NDArray[np.int16]],
    keys: Sequence[str],
    window: int,
    overlap: float,
    most: int,
    size: int,
) -> Iterator[tuple[list[str], NDArray[np.int16]]]:
    owners: list[str] = []
    held: list[NDArray[np.int16]] = []
    for key in keys:
        for segment in segments_of(audio[key], window, overlap, most):
            owners.append(key)
            held.append(segment)
            if len(held) == size:
                yield owners, np.stack(held)
                owners, held = [], []
    if held:
        yield owners, np.stack(held)
