"""Soft targets of a data set from the outputs of its teachers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config import Sequences
from ..data import AudioCache, DataSet, Track
from ..inference import Progress
from ..inference.decisions import sigmoid
from . import genres, tags
from .outputs import Rows, Trunk, cached_outputs, tagger_outputs
from .soft_targets import FIRST, STEP, SoftTargets, Style, TrackTargets

Floats = NDArray[np.floating]


def teach(
    dataset: DataSet,
    audio: AudioCache,
    peers: Any,
    trunk: Path,
    names: Sequence[str],
    outputs: Path,
    progress: Progress,
) -> SoftTargets:
    """Run the trunk and other teachers on the training tracks, and return their soft targets.

    Args:
        peers: the module of the teachers (outputs.py).
        trunk: EfficientAT's mn04 (.pt).
        names: the other teachers.
        outputs: folder that caches the outputs of each teacher.
    """
    tracks = [t for t in dataset.tracks if t.split == "train" and t.key in audio]
    keys = [t.key for t in tracks]
    backbone = cached_outputs(outputs / "trunk.npz", audio, keys, Trunk(trunk).outputs, progress)
    teachers, tag_names = {}, {}
    for name in names:
        peer = peers.load(name)
        tag_names[name] = list(peer.labels)
        compute = partial(tagger_outputs, peer)
        teachers[name] = cached_outputs(outputs / f"{name}.npz", audio, keys, compute, progress)
    audioset = list(peers.load("mn04").labels)
    power = Sequences().class_power
    return make_soft_targets(tracks, dataset.labels, backbone, audioset, teachers, tag_names, power)


def make_soft_targets(
    tracks: Sequence[Track],
    labels: Sequence[str],
    trunk: Mapping[str, Rows],
    audioset: Sequence[str],
    teachers: Mapping[str, Mapping[str, Rows]],
    tag_names: Mapping[str, Sequence[str]],
    class_power: float,
) -> SoftTargets:
    """Return the soft targets of tracks with or without a genre.

    Args:
        trunk: rows of features followed by logits of the `audioset` classes, for each track.
        teachers: for each teacher, rows of probabilities of its tags, then its embedding.
        tag_names: the tags of each teacher.
        class_power: training draws genres with their frequency to this power.
    """
    keys = [t.key for t in tracks]
    truth = np.array([labels.index(t.genre) if t.genre else -1 for t in tracks])
    inner = next(iter(trunk.values())).shape[1] - 1 - len(audioset)
    views: list[Floats] = [np.stack([genres.mean_of_track(trunk[k]) for k in keys])]
    for name, outputs in teachers.items():
        views.append(
            np.stack([genres.mean_of_track(outputs[k], len(tag_names[name])) for k in keys])
        )
    soft = genres.soft_genres(views, truth, [t.group for t in tracks], len(labels))
    soft = genres.reweighted(
        soft, np.bincount(truth[truth >= 0], minlength=len(labels)), class_power
    )

    chosen = tags.music_classes(audioset)
    logits = {k: trunk[k][:, 1 + inner :] for k in keys}
    styles, shifts = _styles(tracks, labels, audioset, logits)
    scales = {name: _scale(outputs, len(tag_names[name])) for name, outputs in teachers.items()}
    by_key = {}
    for track, row in zip(tracks, soft, strict=True):
        rows = len(logits[track.key])
        parts: list[Floats] = [
            sigmoid(logits[track.key][:, chosen]),
            sigmoid(logits[track.key][:, [audioset.index(s) for s in tags.STYLES]] + shifts),
        ]
        for name, outputs in teachers.items():
            parts.append(_over_time(outputs[track.key], rows, len(tag_names[name]), *scales[name]))
        music = tags.music_probability(logits[track.key][:, audioset.index(tags.MUSIC_CLASS)])
        kept = row if track.genre else genres.restricted_by_tags(row, track.tags, labels)
        by_key[track.key] = TrackTargets(
            kept.astype(np.float32), np.concatenate(parts, 1).astype(np.float16), music
        )
    names = [f"audioset {audioset[i]}" for i in chosen]
    first = len(names)
    names += [f"style {name}" for name in tags.STYLES]
    for name, outputs in teachers.items():
        names += [f"{name} {word}" for word in tag_names[name]]
        wide = next(iter(outputs.values())).shape[1] - 1 - len(tag_names[name])
        names += [f"{name} embedding {i}" for i in range(wide)]
    styles = [Style(s.name, s.display, s.parent, first + s.tag) for s in styles]
    about = {"teachers": list(teachers), "tracks": len(tracks), "class_power": class_power}
    return SoftTargets(tuple(labels), tuple(names), tuple(styles), by_key, about=about)


def _styles(
    tracks: Sequence[Track],
    labels: Sequence[str],
    audioset: Sequence[str],
    logits: Mapping[str, Floats],
) -> tuple[list[Style], Floats]:
    """Return the styles whose parent is a label, and the logit shift of each style."""
    styles, shifts = [], np.zeros(len(tags.STYLES))
    for number, (name, (style, parent)) in enumerate(tags.STYLES.items()):
        below = [t.key for t in tracks if t.genre == parent]
        if not below:
            continue
        values = np.concatenate([logits[k][:, audioset.index(name)] for k in below])
        shifts[number] = tags.logit_shift(values, np.ones(len(values), bool))
        if parent in labels:
            display = style[0].upper() + style[1:]
            styles.append(Style(style, display, parent, number))
    return styles, shifts


def _scale(outputs: Mapping[str, Rows], probabilities: int) -> tuple[Floats, Floats]:
    """Mean and standard deviation of an embedding over all windows."""
    rows = np.concatenate([r[:, 1 + probabilities :] for r in outputs.values()]).astype(np.float64)
    return rows.mean(0), rows.std(0) + 1e-6


def _over_time(rows: Rows, count: int, probabilities: int, mean: Floats, scale: Floats) -> Floats:
    """Values of the nearest window of a teacher for `count` rows; the embedding mapped to 0..1."""
    moments = FIRST + STEP * np.arange(count)
    nearest = np.abs(rows[:, :1] - moments).argmin(0)
    values = rows[nearest, 1:].astype(np.float64)
    values[:, probabilities:] = sigmoid((values[:, probabilities:] - mean) / scale)
    return np.asarray(values)
