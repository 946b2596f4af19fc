"""The layer that tells speech from noise and music, added to a network that stands still.

A logistic regression on the features, as that of the styles (styles.py), but on sounds of its own:
recorded speech against noise of many kinds and against music, each at many levels. No other weight
moves, so whatever was measured of the network before still holds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
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
    speech = [piece.samples for piece in recordings(folder)]
    music = [audio[t.key] for t in dataset.tracks if t.split == "train" and t.key in audio]
    losses = fit_speech(network, speech, noises(_NOISES, _PART, 0), music)
    about["network"] = json.dumps(description)
    if found.speech is None and "calibration" in about:
        # What was measured of it then was measured of this one, too.
        about["before_speech"] = before
    write(path, network.state_dict(), about)
    return losses


def fit_speech(
    network: TrunkTFCRNN,
    speech: Sequence[np.ndarray],
    noise: Sequence[np.ndarray],
    music: Sequence[np.ndarray],
) -> tuple[float, float]:
    """Fit `network.speech` to tell the first from the others; the loss without it and after.

    Sounds are int16 at 16 kHz, of any length. Half of the weight is speech, a quarter each noise
    and music, however much there is of them. The loss is binary cross-entropy, without the ridge.
    """
    layer = network.eval().speech
    assert layer is not None
    rng = np.random.default_rng(0)
    groups = [
        features_of(network, _roomy(_cut(speech), noise, rng), rng),
        features_of(network, _cut(noise), rng, pauses=True),
        features_of(network, [_anywhere(samples, rng) for samples in music], rng),
    ]
    features = torch.cat(groups)
    target = torch.cat([torch.full((len(g),), float(not i)) for i, g in enumerate(groups)])
    shares = (0.5, 0.25, 0.25)
    pairs = zip(groups, shares, strict=True)
    counts = torch.cat([torch.full((len(g),), share / len(g)) for g, share in pairs])
    weight, bias = layer.weight.requires_grad_(), layer.bias.requires_grad_()
    with torch.no_grad():  # wherever it began: fitted twice is fitted once
        weight.zero_()
        bias.zero_()
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=300, line_search_fn="strong_wolfe")

    def said() -> Tensor:
        logits = layer(features)[:, 0]
        return F.binary_cross_entropy_with_logits(logits, target, counts, reduction="sum")

    def loss() -> Tensor:
        optimiser.zero_grad()
        ridged: Tensor = said() + _RIDGE * weight.square().sum()
        ridged.backward()  # type: ignore[no-untyped-call]
        return ridged

    with torch.no_grad():
        before = float(said())
    optimiser.step(loss)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        return before, float(said())


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
