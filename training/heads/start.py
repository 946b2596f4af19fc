"""Initialisation of a network from a perceptron that is fitted on frozen features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from streamgenre.networks import build_trainable
from streamgenre.networks.trunk import TrunkTFCRNN

from .. import checkpoint
from ..config import Config
from ..data import AudioCache, DataError, DataSet, Track
from ..inference import Progress
from ..trainer.learner import SECOND
from ..trainer.start import start_from
from ..trainer.training_set import some_groups
from .embeddings import Excerpts, MeanEmbedding, Windows, embed, variance_within
from .perceptron import Inputs, Perceptron, Settings, fit

_SETTINGS = Settings(input_dropout=0.5, class_power=0.6)
BASELINE = Settings()
LevelRange = Sequence[float] | None
"""Range of the mean band power of a window in dB (streamgenre/networks/trunk.py), or None."""
_PREPARE = 800  # windows for the standardisation of the features


def targets(tracks: Sequence[Track], labels: Sequence[str]) -> torch.Tensor:
    """Target distributions (tracks, C); a second genre has the share `SECOND`."""
    rows = torch.zeros(len(tracks), len(labels))
    for row, track in zip(rows, tracks, strict=True):
        row[labels.index(track.genre)] = 1.0
        if track.second in labels:
            row *= 1 - SECOND
            row[labels.index(track.second)] += SECOND
    return rows


def labelled_tracks(dataset: DataSet, audio: AudioCache, splits: Sequence[str]) -> list[Track]:
    """Return the tracks of the splits that have a genre and audio."""
    return [t for t in dataset.tracks if t.split in splits and t.genre and t.key in audio]


def _training_tracks(config: Config, dataset: DataSet, audio: AudioCache) -> list[Track]:
    """The labelled tracks of the config's splits, of its share of the artists."""
    tracks = labelled_tracks(dataset, audio, config.run.splits)
    return some_groups(tracks, config.sequences.share, config.sequences.draw)


def fit_on(
    tracks: Sequence[Track],
    labels: Sequence[str],
    inputs: Inputs,
    settings: Settings,
    seed: int,
) -> Perceptron:
    """Fit a perceptron on the inputs of the tracks."""
    genres = torch.tensor([labels.index(t.genre) for t in tracks])
    counts = torch.bincount(genres, minlength=len(labels))
    return fit(inputs, targets(tracks, labels), counts, genres, settings, seed)


def backbone(source: str, level_range: LevelRange = None) -> TrunkTFCRNN:
    """Load the pretrained backbone, without a classifier, to embed windows."""
    network = build_trainable(
        {"kind": "trunk", "classes": 1, "feedback": "none", "level_range": level_range}
    )
    assert isinstance(network, TrunkTFCRNN)
    start_from(network, source)
    # Do not standardise: the constants depend on the training tracks.
    network.feature_mean.zero_()
    network.feature_scale.fill_(1.0)
    return network.eval()


def fit_head(
    config: Config,
    dataset: DataSet,
    audio: AudioCache,
    folder: Path,
    embedded: Path,
    progress: Progress,
) -> Path:
    """Write a checkpoint (model.safetensors) of the configured network with a fitted head.

    The backbone and the standardisation of the features come from `config.start`. The head is
    fitted on the tracks of `config.run.splits`. The folder `embedded` caches the embeddings.
    """
    labels = dataset.labels
    description = dict(config.network) | {"classes": len(labels)}
    torch.manual_seed(config.run.seed)
    network = build_trainable(description)
    if not isinstance(network, TrunkTFCRNN) or network.statistics is None:
        raise DataError('config entry network: a head requires memory = "statistics"')
    tracks = _training_tracks(config, dataset, audio)
    start_from(network, config.start)
    network.eval().prepare(_windows(tracks, audio, network.window))
    alone = backbone(config.start, network.level_range)
    path = embeddings_path(embedded, network.level_range)
    rows = embed(alone, audio, [t.key for t in tracks], path, progress)
    mean, scale = network.feature_mean.numpy(), network.feature_scale.numpy()
    clips = [(rows[t.key] - mean) * scale for t in tracks]
    assert network.inner is not None
    members = network.inner.out_features // _SETTINGS.hidden
    settings = replace(_SETTINGS, members=members)
    with torch.no_grad():
        network.statistics.variance.copy_(variance_within(clips))
        for inputs, inner, outer in (
            (Excerpts(clips), network.inner, network.classifier),
            (Windows(clips), network.window_inner, network.window_classifier),
        ):
            assert inner is not None and outer is not None
            with torch.enable_grad():
                fitted = fit_on(tracks, labels, inputs, settings, config.run.seed)
            layers = (inner.weight, inner.bias, outer.weight, outer.bias)
            for parameter, value in zip(layers, fitted.merged(), strict=True):
                parameter.copy_(value)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.safetensors"
    about = checkpoint.Checkpoint(
        network=description,
        labels=labels,
        config=config,
        data=audio.source,
        commit=checkpoint.commit(),
    )
    checkpoint.write(path, network.state_dict(), about)
    return path


def embeddings_path(embedded: Path, level_range: LevelRange) -> Path:
    """Return the cache file for embeddings of windows normalised to a range of levels."""
    limits = "plain" if level_range is None else "level {:g} {:g}".format(*level_range)
    return embedded / f"{limits}.npz"


def baseline(
    config: Config,
    dataset: DataSet,
    audio: AudioCache,
    measured: Sequence[Track],
    embedded: Path,
    progress: Progress,
) -> np.ndarray:
    """Predict tracks with a perceptron on mean embeddings; probabilities (tracks, C).

    Backbone, training tracks and seed come from the config.
    """
    network = backbone(config.start)
    tracks = _training_tracks(config, dataset, audio)
    keys = [t.key for t in (*tracks, *measured)]
    rows = embed(network, audio, keys, embeddings_path(embedded, network.level_range), progress)
    # The embedding is the first part of the features.
    size = network.top.out_channels
    inputs = MeanEmbedding([rows[t.key][:, :size] for t in tracks])
    fitted = fit_on(tracks, dataset.labels, inputs, BASELINE, config.run.seed)
    return fitted.probabilities(MeanEmbedding([rows[t.key][:, :size] for t in measured]).whole())


def _windows(tracks: Sequence[Track], audio: AudioCache, window: int) -> torch.Tensor:
    """Windows (N, window) from the middle of a sample of the tracks."""
    rows = np.zeros((min(len(tracks), _PREPARE), window), np.float32)
    order = np.random.default_rng(0).permutation(len(tracks))[: len(rows)]
    for row, number in zip(rows, order, strict=True):
        samples = audio[tracks[number].key]
        begin = max(0, len(samples) - window) // 2
        excerpt = samples[begin : begin + window]
        row[: len(excerpt)] = excerpt.astype(np.float32) / 32768
    return torch.from_numpy(rows)
