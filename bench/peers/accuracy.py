"""Who is right more often, on the tracks whose genre both can name.

A tagger's answer is our genre whose words (labels.py) have the highest mean probability over
the track's windows; ours is the mean over its steps, once among the same genres and once among all
that it knows. A tagger says frequent tags more readily than rare ones, which the choice of the
highest punishes; the mean over genres of the area under the ROC curve, which looks at each genre
by itself, does not. What taggers say of a track is kept in a folder (cache/bench-peers, or
STREAMGENRE_BENCH_CACHE), so that only the first run is long; remove it where taggers or audio
change without their sizes doing so.

It opens the test split once more. Nothing may be chosen by what comes out.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamgenre.audio.files import decode_mono
from streamgenre.model.model import Model

from ..common import Skipped
from .labels import VOCABULARY, by_genre, nameable

_SAVED_EVERY = 60.0  # s
Floats = NDArray[np.floating]


def cache_folder() -> Path:
    """Where taggers' answers are kept."""
    kept = os.environ.get("STREAMGENRE_BENCH_CACHE")
    return Path(kept) if kept else Path(__file__).parents[2] / "cache" / "bench-peers"


def test_tracks(data: Path, labels: Sequence[str], per_genre: int | None = None) -> list[Any]:
    """The test split's tracks with one of our genres; of each genre the first so many."""
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


def mean_probabilities(name: str, peer: Any, tracks: Sequence[Any], folder: Path) -> Floats:
    """Of each label over a track's windows (N, L), from the folder as far as they are there."""
    from training.writing import replace_file

    path = folder / f"{name}.npz"
    kept: dict[str, Floats] = {}
    if path.is_file():
        with np.load(path) as file:
            kept = dict(zip(file["tracks"].tolist(), file["means"], strict=True))

    def save() -> None:
        buffer = io.BytesIO()
        np.savez(buffer, tracks=np.array(list(kept)), means=np.stack(list(kept.values())))
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(path, buffer.getvalue())

    names = [f"{t.key} {t.path.stat().st_size}" for t in tracks]
    saved, changed = time.monotonic(), False
    for track, entry in zip(tracks, names, strict=True):
        if entry in kept:
            continue
        _, said = peer.tag_pcm(decode_mono(track.path, peer.sr))
        kept[entry], changed = np.asarray(said, np.float32).mean(0), True
        if time.monotonic() - saved > _SAVED_EVERY:
            save()
            saved, changed = time.monotonic(), False
    if changed:
        save()
    return np.stack([kept[entry] for entry in names])


def our_probabilities(model: Model, hop: float, tracks: Sequence[Any]) -> Floats:
    """Of each genre over a track's steps (N, C)."""
    labels = model.card.label_names
    rows = []
    for track in tracks:
        updates = model.classify(track.path, hop).updates
        rows.append(np.mean([[u.probabilities[name] for name in labels] for u in updates], 0))
    return np.stack(rows)


def accuracy(
    peers: Mapping[str, Any], model: Model, data: Path, per_genre: int | None = None
) -> dict[str, Any]:
    """How often each is right, and how far ours is ahead, with bootstrap intervals.

    Ours at the hop for files and at that for live audio.
    """
    labels = list(model.card.label_names)
    tracks = test_tracks(data, labels, per_genre)
    truth = np.array([track.genre for track in tracks])
    hops = dict.fromkeys((model.card.file_hop, model.card.live_hop))
    ours = {f"{hop:g}": our_probabilities(model, hop, tracks) for hop in hops}
    found: dict[str, Any] = {}
    for name, peer in peers.items():
        genres = nameable(VOCABULARY[name])
        scored = np.isin(truth, genres)
        if not scored.any():
            continue
        heard = mean_probabilities(name, peer, tracks, cache_folder())[scored]
        said = by_genre(heard, peer.labels, VOCABULARY[name])
        right = _chosen(said, genres) == truth[scored]
        found[name] = {
            "genres": genres,
            "tracks": int(scored.sum()),
            **_shares(right, truth[scored]),
            "auc": _mean_auc(said, genres, truth[scored]),
            "ours": {
                hop: _against(values[scored], labels, genres, truth[scored], right)
                for hop, values in ours.items()
            },
        }
    everything = {
        hop: _shares(_chosen(values, labels) == truth, truth) for hop, values in ours.items()
    }
    return {"tracks": len(tracks), "ours": everything, "peers": found}


def _against(
    values: Floats,
    labels: Sequence[str],
    genres: Sequence[str],
    truth: NDArray[np.str_],
    right: NDArray[np.bool_],
) -> dict[str, Any]:
    """Ours on a tagger's tracks: among its genres, among all, and the paired difference."""
    from training.evaluation.metrics import mean_draws, with_interval

    among = values[:, [labels.index(genre) for genre in genres]]
    same = _chosen(among, genres) == truth
    ahead = same.astype(float) - right
    return {
        **_shares(same, truth),
        "auc": _mean_auc(among, genres, truth),
        "among_all": float((_chosen(values, labels) == truth).mean()),
        "ahead": with_interval(float(ahead.mean()), mean_draws(ahead)),
    }


def _chosen(values: Floats, genres: Sequence[str]) -> NDArray[np.str_]:
    names: NDArray[np.str_] = np.array(genres)
    return np.asarray(names[values.argmax(1)])


def _shares(right: NDArray[np.bool_], truth: NDArray[np.str_]) -> dict[str, float]:
    """Accuracy, and recall averaged over the genres."""
    recalls = [right[truth == genre].mean() for genre in np.unique(truth)]
    return {"accuracy": float(right.mean()), "macro_recall": float(np.mean(recalls))}


def _mean_auc(values: Floats, genres: Sequence[str], truth: NDArray[np.str_]) -> float:
    """Area under the ROC curve, averaged over the genres that some but not all tracks have."""
    from sklearn.metrics import roc_auc_score

    areas = [
        roc_auc_score(truth == genre, values[:, i])
        for i, genre in enumerate(genres)
        if 0 < np.count_nonzero(truth == genre) < len(truth)
    ]
    return float(np.mean(areas))
