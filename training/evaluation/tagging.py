"""Taggers on whole tracks: the mean of the sigmoids, and how well it ranks the tracks of a tag.

The area under the ROC curve of a tag is the chance that a track which bears it is placed before one
that does not; that under the precision-recall curve (average precision, by steps) starts from the
tag's share of the tracks. Macro: the mean over the tags that some tracks bear and some do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from streamgenre.model.card import Hop
from streamgenre.networks.segment import SegmentNetwork
from streamgenre.networks.step import StepNetwork

from ..data import SAMPLE_RATE
from .segments import segment_tracks
from .streaming import steps_of, window_at

_BATCH = 32  # tracks at once
Floats = NDArray[np.floating[Any]]


def tag_scores(
    network: StepNetwork,
    audio: Mapping[str, NDArray[np.int16]],
    keys: Sequence[str],
    hop: int,
) -> NDArray[np.float64]:
    """Mean probability of each tag over a track (N, D), in the order of the keys.

    A network of segments reads them as published; any other is carried through the track in steps
    of `hop` samples.
    """
    network.eval()
    if isinstance(network, SegmentNetwork):
        logits = segment_tracks(network, audio, keys)
        return np.stack([_sigmoid(logits[key]).mean(0) for key in keys])
    found: dict[str, NDArray[np.float64]] = {}
    order = sorted(keys, key=lambda key: len(audio[key]), reverse=True)
    for first in range(0, len(order), _BATCH):
        found |= _streamed(network, audio, order[first : first + _BATCH], hop)
    return np.stack([found[key] for key in keys])


@torch.inference_mode()
def _streamed(
    network: StepNetwork,
    audio: Mapping[str, NDArray[np.int16]],
    group: Sequence[str],
    hop: int,
) -> dict[str, NDArray[np.float64]]:
    """Of tracks of falling length."""
    read = Hop(hop / SAMPLE_RATE, hop, network.window_for(hop))
    counts = [steps_of(len(audio[key]), read) for key in group]
    device = next(network.parameters()).device
    state = torch.zeros(len(group), network.state_size, device=device)
    sums: list[NDArray[np.float64]] = []
    for t in range(counts[0]):
        active = sum(count > t for count in counts)
        windows = np.stack([window_at(audio[key], t, read) for key in group[:active]])
        step = network(torch.from_numpy(windows).to(device), state[:active])
        state = step.next_state
        said = _sigmoid(step.logits.float().cpu().numpy())
        sums = sums or [np.zeros_like(row) for row in said]
        for total, row in zip(sums, said, strict=False):  # those that ended take no more
            total += row
    return {k: total / n for k, total, n in zip(group, sums, counts, strict=True)}


def tag_figures(scores: Floats, truth: NDArray[np.bool_], names: Sequence[str]) -> dict[str, Any]:
    """Macro `roc_auc` and `pr_auc`, `tracks`, and by tag the same with the `positives`.

    Args: scores and truth (N, D), `names` of the D tags. None where a figure has no meaning: all
    tracks bear the tag, or none. ValueError where the shapes do not fit.
    """
    if scores.shape != truth.shape or scores.shape[1:] != (len(names),):
        raise ValueError(f"scores {scores.shape}, truth {truth.shape}, {len(names)} names")
    tags: dict[str, dict[str, Any]] = {}
    for name, said, borne in zip(names, scores.T, truth.T, strict=True):
        positives = int(borne.sum())
        told = 0 < positives < len(borne)
        tags[name] = {
            "roc_auc": float(roc_auc_score(borne, said)) if told else None,
            "pr_auc": float(average_precision_score(borne, said)) if told else None,
            "positives": positives,
        }
    macro = {}
    for measure in ("roc_auc", "pr_auc"):
        known = [tag[measure] for tag in tags.values() if tag[measure] is not None]
        macro[measure] = float(np.mean(known)) if known else None
    return {**macro, "tracks": len(truth), "tags": tags}


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-logits.astype(np.float64))))
