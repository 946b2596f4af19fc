"""Whole tracks through a network that reads segments, as the papers read them.

Segments follow each other at the network's own overlap; a rest shorter than a segment is left out,
a track shorter than one is repeated to its length. A track's verdict is the mean over its segments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from streamgenre.networks.segment import SegmentNetwork

_BATCH_SECONDS = 120.0  # of audio held at once
_RATE = 16_000


def segments_of(
    samples: NDArray[np.int16], window: int, overlap: float, most: int = 0
) -> NDArray[np.int16]:
    """Segments (N, window) of a track; of more than `most` (0: all) so many, spread evenly."""
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
    """Logits (segments, C) of every track.

    Args:
        overlap: of the segments; the network's own where None.
        most: segments of one track, 0 for all of them.
    """
    network.eval()
    device = next(network.parameters()).device
    share = network.overlap if overlap is None else overlap
    found: dict[str, list[NDArray[np.float32]]] = {key: [] for key in keys}
    size = max(1, round(_BATCH_SECONDS * _RATE / network.window))
    for owners, segments in _batches(audio, keys, network.window, share, most, size):
        windows = torch.from_numpy(segments.astype(np.float32) / 32768).to(device)
        state = torch.zeros(len(windows), network.state_size, device=device)
        logits = network(windows, state).logits.float().cpu().numpy()
        for key, row in zip(owners, logits, strict=True):
            found[key].append(row)
    return {key: np.stack(rows) for key, rows in found.items()}


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
