"""Accuracy of taggers and of this project, on the tracks whose genre the tagger has a label for.

The prediction of a tagger is the genre whose labels (labels.py) have the highest mean probability
over the windows of a track. Ours is the mean over the steps, among the same genres and among all.
Taggers assign frequent tags more readily, which affects the accuracy, but not the area under the
ROC curve averaged over genres. The outputs of taggers are cached in a folder (cache/bench-peers, or
STREAMGENRE_BENCH_CACHE). Remove it if taggers or audio change without a change of file size.

This uses the test split, so nothing may be chosen by its results.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from streamgenre.audio.files import decode_mono
from streamgenre.files import replace_bytes
from streamgenre.model.model import Model

from ..common import Skipped
from .cost import Tagger
from .labels import VOCABULARY, by_genre, nameable

if TYPE_CHECKING:
    from training.data import Track

_SAVED_EVERY = 60.0  # s
Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Scores:
    """Accuracy, and recall averaged over the genres."""

    accuracy: float
    macro_recall: float

    @classmethod
    def of(cls, right: NDArray[np.bool_], truth: NDArray[np.str_]) -> Scores:
        recalls = [right[truth == genre].mean() for genre in np.unique(truth)]
        return cls(float(right.mean()), float(np.mean(recalls)))


@dataclass(frozen=True)
class RankedScores(Scores):
    """Scores with the mean area under the ROC curve."""

    auc: float


@dataclass(frozen=True)
class OurScores(RankedScores):
    """Our scores on the tracks of a tagger, among its genres."""

    among_all: float  # accuracy among all genres
    ahead: tuple[float, float, float]  # paired difference in accuracy, with interval


@dataclass(frozen=True)
class TaggerScores(RankedScores):
    """The scores of a tagger, and ours on the same tracks by hop."""

    genres: tuple[str, ...]
    tracks: int
    ours: dict[str, OurScores]


@dataclass(frozen=True)
class Accuracy:
    """The scores of all systems."""

    tracks: int
    ours: dict[str, Scores]  # on all tracks, by hop
    peers: dict[str, TaggerScores]


def cache_folder() -> Path:
    """The folder with the outputs of taggers."""
    folder = os.environ.get("STREAMGENRE_BENCH_CACHE")
    return Path(folder) if folder else Path(__file__).parents[2] / "cache" / "bench-peers"


def test_tracks(data: Path, labels: Sequence[str], per_genre: int | None = None) -> list[Track]:
    """Test tracks with one of the labels, at most `per_genre` per genre."""
    try:
        from training.data import DataError
        from training.data.opening import open_dataset
    except ImportError as error:
        raise Skipped(f"labelled music needs pip install '.[train]' ({error})") from None
    try:
        tracks = open_dataset(data, for_training=False).tracks
    except DataError as error:
        raise Skipped(str(error)) from None
    counts: dict[str, int] = {}
    chosen = []
    for track in tracks:
        if track.split != "test" or track.genre not in labels:
            continue
        counts[track.genre] = counts.get(track.genre, 0) + 1
        if per_genre is None or counts[track.genre] <= per_genre:
            chosen.append(track)
    if not chosen:
        raise Skipped(f"{data}: no track of the test split has one of our genres")
    return chosen


def mean_probabilities(name: str, peer: Tagger, tracks: Sequence[Track], folder: Path) -> Floats:
    """Mean probability of each label over a track (N, L), cached in the folder."""
    path = folder / f"{name}.npz"
    cached: dict[str, Floats] = {}
    if path.is_file():
        with np.load(path) as file:
            cached = dict(zip(file["tracks"].tolist(), file["means"], strict=True))

    def save() -> None:
        buffer = io.BytesIO()
        np.savez(buffer, tracks=np.array(list(cached)), means=np.stack(list(cached.values())))
        folder.mkdir(parents=True, exist_ok=True)
        replace_bytes(path, buffer.getvalue())

    names = [f"{t.key} {t.path.stat().st_size}" for t in tracks]
    saved, changed = time.monotonic(), False
    for track, entry in zip(tracks, names, strict=True):
        if entry in cached:
            continue
        _, rows = peer.tag_pcm(decode_mono(track.path, peer.sr))
        cached[entry], changed = np.asarray(rows, np.float32).mean(0), True
        if time.monotonic() - saved > _SAVED_EVERY:
            save()
            saved, changed = time.monotonic(), False
    if changed:
        save()
    return np.stack([cached[entry] for entry in names])


def our_probabilities(model: Model, hop: float, tracks: Sequence[Track]) -> Floats:
    """Mean probability of each genre over a track (N, C), steps weighted by their new audio."""
    labels = model.card.label_names
    rows = []
    for track in tracks:
        updates = model.classify(track.path, hop).updates
        steps = [[u.probabilities[name] for name in labels] for u in updates]
        seconds = np.diff([u.time for u in updates], prepend=0.0)
        rows.append(np.average(steps, axis=0, weights=seconds))
    return np.stack(rows)


def accuracy(
    peers: Mapping[str, Tagger], model: Model, data: Path, per_genre: int | None = None
) -> Accuracy:
    """Measure all systems, with bootstrap intervals of the difference from ours.

    Ours is measured at the hop for files and at the hop for live audio.
    """
    labels = list(model.card.label_names)
    tracks = test_tracks(data, labels, per_genre)
    truth = np.array([track.genre for track in tracks])
    hops = dict.fromkeys((model.card.file_hop, model.card.live_hop))
    ours = {f"{hop:g}": our_probabilities(model, hop, tracks) for hop in hops}
    by_name = {}
    for name, peer in peers.items():
        genres = nameable(VOCABULARY[name])
        scored = np.isin(truth, genres)
        if not scored.any():
            continue
        tags = mean_probabilities(name, peer, tracks, cache_folder())[scored]
        values = by_genre(tags, peer.labels, VOCABULARY[name])
        right = _chosen(values, genres) == truth[scored]
        by_name[name] = TaggerScores(
            **vars(Scores.of(right, truth[scored])),
            auc=_mean_auc(values, genres, truth[scored]),
            genres=genres,
            tracks=int(scored.sum()),
            ours={
                hop: _against(rows[scored], labels, genres, truth[scored], right)
                for hop, rows in ours.items()
            },
        )
    everything = {
        hop: Scores.of(_chosen(values, labels) == truth, truth) for hop, values in ours.items()
    }
    return Accuracy(len(tracks), everything, by_name)


def _against(
    values: Floats,
    labels: Sequence[str],
    genres: Sequence[str],
    truth: NDArray[np.str_],
    right: NDArray[np.bool_],
) -> OurScores:
    """Our scores on the tracks of a tagger, with the paired difference."""
    from training.evaluation.metrics import mean_draws, with_interval

    among = values[:, [labels.index(genre) for genre in genres]]
    same = _chosen(among, genres) == truth
    ahead = same.astype(float) - right
    difference, low, high = with_interval(float(ahead.mean()), mean_draws(ahead))
    return OurScores(
        **vars(Scores.of(same, truth)),
        auc=_mean_auc(among, genres, truth),
        among_all=float((_chosen(values, labels) == truth).mean()),
        ahead=(difference, low, high),
    )


def _chosen(values: Floats, genres: Sequence[str]) -> NDArray[np.str_]:
    names: NDArray[np.str_] = np.array(genres)
    return np.asarray(names[values.argmax(1)])


def _mean_auc(values: Floats, genres: Sequence[str], truth: NDArray[np.str_]) -> float:
    """Area under the ROC curve, averaged over the genres with positive and negative tracks."""
    from sklearn.metrics import roc_auc_score

    areas = [
        roc_auc_score(truth == genre, values[:, i])
        for i, genre in enumerate(genres)
        if 0 < np.count_nonzero(truth == genre) < len(truth)
    ]
    return float(np.mean(areas))
