"""The layer of the styles, fitted to its end once the network below it stands still.

Beside everything else that is learnt it lags behind: few windows have a style at all. On fixed
features it is a logistic regression with soft targets, convex and done in a minute.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from streamgenre.networks.trunk import TrunkTFCRNN

from ..checkpoint import load_network, write
from ..data import SAMPLE_RATE, AudioCache, DataError, DataSet
from ..distillation.soft_targets import FIRST, STEP, Lessons

_BATCH = 64
_EVERY = 2  # rows of a lesson: windows that do not overlap
_RIDGE = 1e-3  # on standardised features


def finish_styles(
    path: Path, dataset: DataSet, audio: AudioCache, lessons: Lessons
) -> tuple[float, float]:
    """`fit_styles` for a checkpoint, on its training tracks, in place."""
    network, about = load_network(path)
    if not isinstance(network, TrunkTFCRNN) or network.styles is None:
        raise DataError(f"{path}: the network has no styles; average without --lessons")
    if json.loads(about["styles"]) != lessons.described:
        raise DataError(f"{path}: its styles are not those of the lessons")
    keys = [
        t.key
        for t in dataset.tracks
        if t.split == "train" and t.key in audio and t.key in lessons.by_key
    ]
    losses = fit_styles(network, audio, lessons, keys)
    write(path, network.state_dict(), about)
    return losses


def fit_styles(
    network: TrunkTFCRNN, audio: Mapping[str, np.ndarray], lessons: Lessons, keys: list[str]
) -> tuple[float, float]:
    """Fit `network.styles` to what the teachers say of tracks; the loss before and after.

    `audio` int16 by key; features are those of a fresh state. The loss is the mean binary
    cross-entropy a style and window, without the ridge.
    """
    assert network.styles is not None
    features, targets = _windows(network.eval(), audio, lessons, keys)
    layer = network.styles
    with torch.no_grad():
        before = float(F.binary_cross_entropy_with_logits(layer(features), targets))
    weight, bias = layer.weight.requires_grad_(), layer.bias.requires_grad_()
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=300, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        said = F.binary_cross_entropy_with_logits(layer(features), targets)
        ridged: Tensor = said + _RIDGE * weight.square().sum(1).mean()
        ridged.backward()  # type: ignore[no-untyped-call]
        return ridged

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        after = float(F.binary_cross_entropy_with_logits(layer(features), targets))
    return before, after


def _windows(
    network: TrunkTFCRNN, audio: Mapping[str, np.ndarray], lessons: Lessons, keys: list[str]
) -> tuple[Tensor, Tensor]:
    """Features (N, E) and targets (N, K) of windows all over the tracks."""
    numbers = [style.tag for style in lessons.styles]
    sounds, targets = [], []
    half = network.window // 2
    for key in keys:
        lesson, samples = lessons.by_key[key], audio[key]
        for row in range(0, len(lesson.tags), _EVERY):
            middle = round((FIRST + row * STEP) * SAMPLE_RATE)
            window = samples[max(0, middle - half) : middle + half]
            sounds.append(np.pad(window, (0, network.window - len(window))))
            targets.append(lesson.tags[row, numbers].astype(np.float32))
    features = []
    with torch.no_grad():
        for first in range(0, len(sounds), _BATCH):
            batch = torch.from_numpy(np.stack(sounds[first : first + _BATCH]))
            state = torch.zeros(len(batch), network.state_size)
            features.append(network.features(batch.float() / 32768, state))
    return torch.cat(features), torch.from_numpy(np.stack(targets))
