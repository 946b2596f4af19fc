"""Fits the speech layer and the music layer while the rest of the network is frozen.

They are logistic regressions on the features, like the style layer (styles.py), fitted on recorded
speech, many kinds of noise, and music, at random levels. The few updates of fine-tuning leave the
music layer far from its optimum. It is fitted only if the running means are weighted by it. In
other networks no other weight changes, so all previous measurements remain valid.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from streamgenre.networks import build
from streamgenre.networks.trunk import TrunkTFCRNN

from ..checkpoint import load_network, write
from ..data import SAMPLE_RATE, AudioCache, DataError, DataSet
from ..streams.non_music import noises, recordings
from .logistic import fit_logistic

_PART = 5 * SAMPLE_RATE  # samples per part; the state is carried within a part
_STEPS = 4  # per part; the first window is half silent, as at the start of a stream
_NOISES = 1600  # parts
_GAIN = (-20.0, 6.0)  # dB, as in training
_ROOM = (-35.0, -10.0)  # dB, noise added to every other part of speech, relative to the speech
_PAUSE = 1e-3  # power relative to the loudest window of a part; quieter windows are pauses
_BATCH = 64
_RIDGE = 1e-2  # on standardised features; with less, unseen kinds of noise are taken for speech


def finish_speech(
    path: Path, dataset: DataSet, audio: AudioCache, folder: Path
) -> tuple[float, float]:
    """Apply `fit_speech` to a checkpoint, in place. The speech layer is added if it is missing.

    If the music layer is refitted too, the calibration and the identity of measured weights are
    removed, since both belong to the previous layer. `folder` contains recorded speech. Raises
    DataError if it does not, or for another network.
    """
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    source, about = load_network(path)
    if not isinstance(source, TrunkTFCRNN):
        raise DataError(f"{path}: a speech layer requires a network of kind trunk")
    description = about.network | {"speech": True}
    network = build(description)
    assert isinstance(network, TrunkTFCRNN)
    network.load_state_dict(network.state_dict() | source.state_dict())
    fit_music = network.statistics is not None
    speech = [clip.samples for clip in recordings(folder)]
    music = [audio[t.key] for t in dataset.tracks if t.split == "train" and t.key in audio]
    losses = fit_speech(network, speech, noises(_NOISES, _PART, 0), music, fit_music)
    if fit_music:
        about = about.model_copy(update={"calibration": None, "before_speech": None})
    elif source.speech is None and about.calibration is not None:
        # Previous measurements of the network without the layer remain valid.
        about = about.model_copy(update={"before_speech": before})
    write(path, network.state_dict(), about.model_copy(update={"network": description}))
    return losses


def fit_speech(
    network: TrunkTFCRNN,
    speech: Sequence[np.ndarray],
    noise: Sequence[np.ndarray],
    music: Sequence[np.ndarray],
    fit_music: bool = False,
) -> tuple[float, float]:
    """Fit `network.speech`, and `network.music` if `fit_music`.

    Sounds are int16 at 16 kHz, of any length. Returns the loss of the speech layer before and
    after: binary cross-entropy, without the ridge.
    """
    if network.speech is None:
        raise ValueError("the network has no speech layer")
    rng = np.random.default_rng(0)
    network.eval()
    groups = [
        features_of(network, _with_noise(_cut(speech), noise, rng), rng),
        features_of(network, _cut(noise), rng, pauses=True),
        features_of(network, [_random_part(samples, rng) for samples in music], rng),
    ]
    if fit_music:
        _fit_group(network.music, groups, 2)
    return _fit_group(network.speech, groups, 0)


def _fit_group(layer: nn.Linear, groups: Sequence[Tensor], positive: int) -> tuple[float, float]:
    """Fit a layer (1, E) to one group of features (N, E). Returns the loss before and after.

    The group has half of the weight and the others share the rest, whatever their sizes.
    """
    features = torch.cat([*groups])
    target = torch.cat([torch.full((len(g),), float(i == positive)) for i, g in enumerate(groups)])
    shares = [0.5 if i == positive else 0.5 / (len(groups) - 1) for i in range(len(groups))]
    pairs = zip(groups, shares, strict=True)
    counts = torch.cat([torch.full((len(g),), share / len(g)) for g, share in pairs])
    with torch.no_grad():  # so that the result does not depend on previous weights
        layer.weight.zero_()
        layer.bias.zero_()

    def cross_entropy() -> Tensor:
        logits = layer(features)[:, 0]
        return F.binary_cross_entropy_with_logits(logits, target, counts, reduction="sum")

    return fit_logistic(layer, cross_entropy, _RIDGE)


def features_of(
    network: TrunkTFCRNN,
    parts: Sequence[np.ndarray],
    rng: np.random.Generator,
    *,
    pauses: bool = False,
) -> Tensor:
    """Features (N, E) of parts (int16, at most 5 s); the state is carried through each part.

    Every part gets a random gain. `pauses`: also keep windows that are much quieter than the
    loudest window of the part.
    """
    hop, rows = _PART // _STEPS, []
    for first in range(0, len(parts), _BATCH):
        group = parts[first : first + _BATCH]
        sounds = np.zeros((len(group), network.window + _PART), np.float32)
        for row, part in zip(sounds, group, strict=True):
            row[network.window : network.window + len(part)] = part
            row *= 10 ** (rng.uniform(*_GAIN) / 20) / 32768
        samples = torch.from_numpy(np.clip(sounds, -1, 1))
        windows = samples.unfold(1, network.window, hop)[:, 1 : _STEPS + 1]
        power = windows.square().mean(2)
        kept = power >= 0 if pauses else power > _PAUSE * power.max(1, keepdim=True).values
        state = network.initial_state(len(group), hop / SAMPLE_RATE)
        with torch.no_grad():
            for t in range(_STEPS):
                features, state = network.features_and_state(windows[:, t], state)
                rows.append(features[kept[:, t]])
    return torch.cat(rows)


def _cut(sounds: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Cut all sounds into parts."""
    return [s[first : first + _PART] for s in sounds for first in range(0, len(s), _PART)]


def _random_part(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One part at a random position."""
    first = int(rng.integers(max(0, len(samples) - _PART) + 1))
    return samples[first : first + _PART]


def _with_noise(
    parts: Sequence[np.ndarray], noise: Sequence[np.ndarray], rng: np.random.Generator
) -> list[np.ndarray]:
    """Add noise to every other part, because few rooms are as quiet as a studio."""
    mixtures = []
    for i, part in enumerate(parts):
        under = noise[int(rng.integers(len(noise)))][: len(part)].astype(np.float64)
        rms = float(np.sqrt(np.mean(under**2))) if len(under) else 0.0
        if i % 2 == 0 or rms == 0:
            mixtures.append(part)
            continue
        own = float(np.sqrt(np.mean(part.astype(np.float64) ** 2)))
        under *= own / rms * 10 ** (rng.uniform(*_ROOM) / 20)
        mixed = part.astype(np.float64)
        mixed[: len(under)] += under
        mixtures.append(np.clip(np.rint(mixed), -32768, 32767).astype(np.int16))
    return mixtures
