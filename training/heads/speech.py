"""The layers for speech and for music, fitted while the rest of the network is frozen.

Two logistic regressions on the features, like that of the styles (styles.py), but on other sounds:
recorded speech, noise of many kinds, and music, each at many levels. The few updates of fine-tuning
leave the layer for music far from its optimum. It is only fitted where running means are weighted
by it; in other networks no other weight changes, so earlier measurements stay valid.
"""

from __future__ import annotations

import hashlib
import json
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

_PART = 5 * SAMPLE_RATE  # samples that are heard in a row, the state carried
_STEPS = 4  # in a part: the first hears half a window, as at a stream's start
_NOISES = 1600  # parts
_GAIN = (-20.0, 6.0)  # dB, as in training
_ROOM = (-35.0, -10.0)  # dB, noise under every other part of speech, against the speech
_PAUSE = 1e-3  # of a part's largest power in a window: below it nobody speaks, nothing plays
_BATCH = 64
_RIDGE = 1e-2  # on standardised features; less, and noise of kinds not heard passes for speech


def finish_speech(
    path: Path, dataset: DataSet, audio: AudioCache, folder: Path
) -> tuple[float, float]:
    """`fit_speech` for a checkpoint, in place: it gets the layer if it has none.

    `folder` holds recorded speech. Raises DataError where it does not, or the network is no trunk.
    """
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    found, about = load_network(path)
    if not isinstance(found, TrunkTFCRNN):
        raise DataError(f"{path}: only networks on the trunk can say what is speech")
    description = json.loads(about["network"]) | {"speech": True}
    network = build(description)
    assert isinstance(network, TrunkTFCRNN)
    network.load_state_dict(network.state_dict() | found.state_dict())
    music_too = network.statistics is not None
    speech = [piece.samples for piece in recordings(folder)]
    music = [audio[t.key] for t in dataset.tracks if t.split == "train" and t.key in audio]
    losses = fit_speech(network, speech, noises(_NOISES, _PART, 0), music, music_too)
    about["network"] = json.dumps(description)
    if found.speech is None and "calibration" in about and not music_too:
        # What was measured of it then was measured of this one, too.
        about["before_speech"] = before
    write(path, network.state_dict(), about)
    return losses


def fit_speech(
    network: TrunkTFCRNN,
    speech: Sequence[np.ndarray],
    noise: Sequence[np.ndarray],
    music: Sequence[np.ndarray],
    music_too: bool = False,
) -> tuple[float, float]:
    """Fit `network.speech`, and `network.music` if `music_too`.

    Sounds are int16 at 16 kHz, of any length. Returns the loss of the layer for speech before and
    after: binary cross-entropy, without the ridge.
    """
    assert network.speech is not None
    rng = np.random.default_rng(0)
    network.eval()
    groups = [
        features_of(network, _roomy(_cut(speech), noise, rng), rng),
        features_of(network, _cut(noise), rng, pauses=True),
        features_of(network, [_anywhere(samples, rng) for samples in music], rng),
    ]
    if music_too:
        _fit_logistic(network.music, groups, 2)
    return _fit_logistic(network.speech, groups, 0)


def _fit_logistic(layer: nn.Linear, groups: Sequence[Tensor], positive: int) -> tuple[float, float]:
    """Fit a layer (1, E) to distinguish one group of features (N, E); the loss before and after.

    Half of the weight is that group, the rest is shared by the others, whatever their sizes.
    """
    features = torch.cat([*groups])
    target = torch.cat([torch.full((len(g),), float(i == positive)) for i, g in enumerate(groups)])
    shares = [0.5 if i == positive else 0.5 / (len(groups) - 1) for i in range(len(groups))]
    pairs = zip(groups, shares, strict=True)
    counts = torch.cat([torch.full((len(g),), share / len(g)) for g, share in pairs])
    weight, bias = layer.weight.requires_grad_(), layer.bias.requires_grad_()
    with torch.no_grad():  # the result does not depend on where the layer began
        weight.zero_()
        bias.zero_()
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=300, line_search_fn="strong_wolfe")

    def cross_entropy() -> Tensor:
        logits = layer(features)[:, 0]
        return F.binary_cross_entropy_with_logits(logits, target, counts, reduction="sum")

    def loss() -> Tensor:
        optimiser.zero_grad()
        ridged: Tensor = cross_entropy() + _RIDGE * weight.square().sum()
        ridged.backward()  # type: ignore[no-untyped-call]
        return ridged

    with torch.no_grad():
        before = float(cross_entropy())
    optimiser.step(loss)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        return before, float(cross_entropy())


def features_of(
    network: TrunkTFCRNN,
    parts: Sequence[np.ndarray],
    rng: np.random.Generator,
    *,
    pauses: bool = False,
) -> Tensor:
    """Features (N, E) of parts (int16, 5 s at most), the state carried through each.

    Every part is heard at a level of its own. `pauses`: keep what is much quieter than the part's
    loudest window as well.
    """
    hop, found = _PART // _STEPS, []
    for first in range(0, len(parts), _BATCH):
        some = parts[first : first + _BATCH]
        sounds = np.zeros((len(some), network.window + _PART), np.float32)
        for row, part in zip(sounds, some, strict=True):
            row[network.window : network.window + len(part)] = part
            row *= 10 ** (rng.uniform(*_GAIN) / 20) / 32768
        heard = torch.from_numpy(np.clip(sounds, -1, 1))
        windows = heard.unfold(1, network.window, hop)[:, 1 : _STEPS + 1]
        power = windows.square().mean(2)
        kept = power >= 0 if pauses else power > _PAUSE * power.max(1, keepdim=True).values
        state = network.initial_state(len(some), hop / SAMPLE_RATE)
        with torch.no_grad():
            for t in range(_STEPS):
                features, state = network.features_and_state(windows[:, t], state)
                found.append(features[kept[:, t]])
    return torch.cat(found)


def _cut(sounds: Sequence[np.ndarray]) -> list[np.ndarray]:
    """All of them, in parts."""
    return [s[first : first + _PART] for s in sounds for first in range(0, len(s), _PART)]


def _anywhere(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One part, from anywhere in it."""
    first = int(rng.integers(max(0, len(samples) - _PART) + 1))
    return samples[first : first + _PART]


def _roomy(
    parts: Sequence[np.ndarray], noise: Sequence[np.ndarray], rng: np.random.Generator
) -> list[np.ndarray]:
    """Every other part with a noise under it: few rooms are as quiet as a studio."""
    found = []
    for i, part in enumerate(parts):
        under = noise[int(rng.integers(len(noise)))][: len(part)].astype(np.float64)
        rms = float(np.sqrt(np.mean(under**2))) if len(under) else 0.0
        if i % 2 == 0 or rms == 0:
            found.append(part)
            continue
        own = float(np.sqrt(np.mean(part.astype(np.float64) ** 2)))
        under *= own / rms * 10 ** (rng.uniform(*_ROOM) / 20)
        mixed = part.astype(np.float64)
        mixed[: len(under)] += under
        found.append(np.clip(np.rint(mixed), -32768, 32767).astype(np.int16))
    return found
