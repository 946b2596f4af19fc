"""Validation measures of a run: the averaged weights on the whole tracks of `valid`."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import log_loss

from streamgenre.networks.segment import SegmentNetwork
from streamgenre.networks.step import StepNetwork

from ..data import DataError, Track
from ..data.tags import multi_hot
from ..evaluation.metrics import Hits, tagging_metrics
from ..inference import stream_tracks
from ..inference.decisions import softmax
from ..inference.segments import segment_tracks
from ..inference.tags import tag_scores
from ..model import network_model

_SEGMENTS = 6  # per track at most, for segment networks, so that a check is quick


class Validation:
    """Measures a network with the mean probabilities of each track at the longest hop."""

    measures = ("valid_accuracy", "valid_macro_recall", "valid_log_loss")

    def __init__(
        self,
        audio: Mapping[str, np.ndarray],
        tracks: Sequence[Track],
        labels: Sequence[str],
        description: Mapping[str, object],
        hops: Sequence[float],
        device: str = "cpu",
    ) -> None:
        self._audio, self._keys = audio, [t.key for t in tracks]
        self._true = [labels.index(t.genre) for t in tracks]
        self._labels, self._description = labels, description
        self._hops, self._device = hops, device

    def measure(self, network: torch.nn.Module) -> dict[str, float]:
        """Accuracy, macro recall and log loss, rounded for the log."""
        assert isinstance(network, StepNetwork)
        mean = self._means(copy.deepcopy(network))
        metrics = Hits.of(mean, np.array(self._true)).values()
        loss = log_loss(self._true, mean, labels=range(len(self._labels)))
        return {
            "valid_accuracy": round(metrics["accuracy"], 5),
            "valid_macro_recall": round(metrics["macro_recall"], 5),
            "valid_log_loss": round(float(loss), 5),
        }

    def _means(self, network: StepNetwork) -> NDArray[np.float64]:
        """Probabilities (tracks, C), the mean over the steps or segments of each track."""
        if isinstance(network, SegmentNetwork):
            logits = segment_tracks(network, self._audio, self._keys, overlap=0.0, most=_SEGMENTS)
            return np.stack([softmax(logits[key]).mean(0) for key in self._keys])
        model = network_model(network, self._description, self._labels, self._hops, self._device)
        hop = model.card.hop(model.card.file_hop)
        runs = stream_tracks(model.engine, self._audio, self._keys, hop)
        mean = np.stack([runs[key].mean() for key in self._keys])
        mean /= mean.sum(1, keepdims=True)
        return mean


class TagValidation:
    """Measures a tagger by its ranking of the tracks for each tag, using mean probabilities."""

    measures = ("valid_roc_auc", "valid_pr_auc", "valid_log_loss")

    def __init__(
        self,
        audio: Mapping[str, np.ndarray],
        tracks: Sequence[Track],
        names: Sequence[str],
        hops: Sequence[int],
    ) -> None:
        self._audio, self._keys = audio, [t.key for t in tracks]
        self._truth, self._names, self._hop = multi_hot(tracks, names), names, max(hops)
        if not any(0 < positive.sum() < len(tracks) for positive in self._truth.T):
            raise DataError(
                "no tag has both positive and negative tracks in split 'valid', so a tagger cannot "
                "be measured; add tracks to it"
            )

    def measure(self, network: torch.nn.Module) -> dict[str, float]:
        """Macro-averaged areas under the curves and binary cross-entropy, rounded for the log."""
        assert isinstance(network, StepNetwork)
        scores = tag_scores(copy.deepcopy(network), self._audio, self._keys, self._hop)
        metrics = tagging_metrics(scores, self._truth, self._names)
        p = scores.clip(1e-7, 1 - 1e-7)
        loss = -np.where(self._truth, np.log(p), np.log(1 - p)).mean()
        # Not None: at least one tag has positive and negative tracks.
        return {
            "valid_roc_auc": round(metrics.roc_auc or 0.0, 5),
            "valid_pr_auc": round(metrics.pr_auc or 0.0, 5),
            "valid_log_loss": round(float(loss), 5),
        }
