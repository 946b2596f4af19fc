"""Tag predictions for whole tracks: the mean of the sigmoids over steps or segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from streamgenre.model.card import Hop
from streamgenre.networks.segment import SegmentNetwork
from streamgenre.networks.step import StepNetwork

from ..data import SAMPLE_RATE
from .decisions import sigmoid
from .segments import segment_tracks
from .streaming import batches_of, last_share, steps_of, windows_of

_BATCH = 32  # tracks per batch


def tag_scores(
    network: StepNetwork,
    audio: Mapping[str, NDArray[np.int16]],
    keys: Sequence[str],
    hop: int,
) -> NDArray[np.float64]:
    """Return the mean probability of each tag over a track (N, D), in the order of `keys`.

    Segment networks read segments as published. Other networks are carried through the track in
    steps of `hop` samples.
    """
    network.eval()
    if isinstance(network, SegmentNetwork):
        logits = segment_tracks(network, audio, keys)
        return np.stack([sigmoid(logits[key]).mean(0) for key in keys])
    by_key: dict[str, NDArray[np.float64]] = {}
    for batch in batches_of(audio, keys, _BATCH):
        by_key |= _streamed(network, audio, batch, hop)
    return np.stack([by_key[key] for key in keys])


@torch.inference_mode()
def _streamed(
    network: StepNetwork,
    audio: Mapping[str, NDArray[np.int16]],
    group: Sequence[str],
    hop: int,
) -> dict[str, NDArray[np.float64]]:
    """Stream a batch of tracks, longest first."""
    read = Hop(hop / SAMPLE_RATE, hop, network.window_for(hop))
    counts = [steps_of(len(audio[key]), read) for key in group]
    lasts = [last_share(len(audio[key]), read) for key in group]
    device = next(network.parameters()).device
    state = torch.zeros(len(group), network.state_size, device=device)
    sums: list[NDArray[np.float64]] = []
    for t, windows in enumerate(windows_of(audio, group, read)):
        step = network(torch.from_numpy(windows).to(device), state[: len(windows)])
        state = step.next_state
        probabilities = sigmoid(step.logits.float().cpu().numpy())
        sums = sums or [np.zeros_like(row) for row in probabilities]
        for i, (total, row) in enumerate(zip(sums, probabilities, strict=False)):
            # Finished tracks are left out; a padded last step has less weight.
            total += row * (lasts[i] if t == counts[i] - 1 else 1.0)
    return {
        key: total / (count - 1 + last)
        for key, total, count, last in zip(group, sums, counts, lasts, strict=True)
    }
