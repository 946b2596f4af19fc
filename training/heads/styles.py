"""Fits the style layer to convergence after the rest of the network is trained.

During training it converges slowly, because few windows have a style. On fixed features it is a
logistic regression with soft targets, which is convex and takes a minute.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from streamgenre.networks.trunk import TrunkTFCRNN

from ..checkpoint import load_network, write
from ..data import SAMPLE_RATE, AudioCache, DataError, DataSet
from ..distillation.soft_targets import FIRST, STEP, SoftTargets
from .logistic import fit_logistic

_BATCH = 64
_EVERY = 2  # use every second row of the soft targets: their windows do not overlap
_RIDGE = 1e-3  # on standardised features


def finish_styles(
    path: Path, dataset: DataSet, audio: AudioCache, soft_targets: SoftTargets
) -> tuple[float, float]:
    """Apply `fit_styles` to a checkpoint with its training tracks, in place."""
    network, about = load_network(path)
    if not isinstance(network, TrunkTFCRNN) or network.styles is None:
        raise DataError(f"{path}: the network has no styles; average without --lessons")
    if about.styles != soft_targets.card_styles:
        raise DataError(f"{path}: its styles differ from those of the soft targets (--lessons)")
    keys = [
        t.key
        for t in dataset.tracks
        if t.split == "train" and t.key in audio and t.key in soft_targets.by_key
    ]
    losses = fit_styles(network, audio, soft_targets, keys)
    write(path, network.state_dict(), about)
    return losses


def fit_styles(
    network: TrunkTFCRNN,
    audio: Mapping[str, np.ndarray],
    soft_targets: SoftTargets,
    keys: list[str],
) -> tuple[float, float]:
    """Fit `network.styles` to soft targets. Returns the loss before and after.

    `audio` is int16 by key. Features are computed with an initial state. The loss is the mean
    binary cross-entropy per style and window, without the ridge.
    """
    if network.styles is None:
        raise ValueError("the network has no style layer")
    features, targets = _windows(network.eval(), audio, soft_targets, keys)
    layer = network.styles
    return fit_logistic(
        layer, lambda: F.binary_cross_entropy_with_logits(layer(features), targets), _RIDGE
    )


def _windows(
    network: TrunkTFCRNN,
    audio: Mapping[str, np.ndarray],
    soft_targets: SoftTargets,
    keys: list[str],
) -> tuple[Tensor, Tensor]:
    """Features (N, E) and targets (N, K) of windows over the whole tracks."""
    numbers = [style.tag for style in soft_targets.styles]
    sounds, targets = [], []
    half = network.window // 2
    for key in keys:
        target, samples = soft_targets.by_key[key], audio[key]
        for row in range(0, len(target.tags), _EVERY):
            middle = round((FIRST + row * STEP) * SAMPLE_RATE)
            window = samples[max(0, middle - half) : middle + half]
            sounds.append(np.pad(window, (0, network.window - len(window))))
            targets.append(target.tags[row, numbers].astype(np.float32))
    features = []
    with torch.no_grad():
        for first in range(0, len(sounds), _BATCH):
            batch = torch.from_numpy(np.stack(sounds[first : first + _BATCH]))
            state = torch.zeros(len(batch), network.state_size)
            features.append(network.features(batch.float() / 32768, state))
    return torch.cat(features), torch.from_numpy(np.stack(targets))
