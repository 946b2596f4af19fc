"""From what teachers heard to a file of lessons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..data import Track
from . import genres, tags
from .hear import Rows
from .soft_targets import FIRST, STEP, Lesson, Lessons, Style
from .tags import sigmoid

Floats = NDArray[np.floating]


def make_lessons(
    tracks: Sequence[Track],
    labels: Sequence[str],
    trunk: Mapping[str, Rows],
    audioset: Sequence[str],
    teachers: Mapping[str, Mapping[str, Rows]],
    words: Mapping[str, Sequence[str]],
    class_power: float,
) -> Lessons:
    """Lessons for tracks, with a genre or without.

    Args:
        trunk: of each track, rows of features followed by logits of the `audioset` classes.
        teachers: of each teacher, rows of probabilities of its `words`, then its embedding.
        class_power: genres are drawn in training as their frequency to this power.
    """
    keys = [t.key for t in tracks]
    truth = np.array([labels.index(t.genre) if t.genre else -1 for t in tracks])
    inner = next(iter(trunk.values())).shape[1] - 1 - len(audioset)
    views: list[Floats] = [np.stack([genres.mean_of_track(trunk[k]) for k in keys])]
    for name, said in teachers.items():
        views.append(np.stack([genres.mean_of_track(said[k], len(words[name])) for k in keys]))
    soft = genres.soft_genres(views, truth, [t.group for t in tracks], len(labels))
    soft = genres.as_drawn(soft, np.bincount(truth[truth >= 0], minlength=len(labels)), class_power)

    chosen = tags.musical(audioset)
    logits = {k: trunk[k][:, 1 + inner :] for k in keys}
    styles, shifts = _styles(tracks, labels, audioset, logits)
    scales = {name: _scale(said, len(words[name])) for name, said in teachers.items()}
    by_key = {}
    for track, row in zip(tracks, soft, strict=True):
        rows = len(logits[track.key])
        parts = [
            sigmoid(logits[track.key][:, chosen]),
            sigmoid(logits[track.key][:, [audioset.index(s) for s in tags.STYLES]] + shifts),
        ]
        for name, said in teachers.items():
            parts.append(_over_time(said[track.key], rows, len(words[name]), *scales[name]))
        music = tags.is_music(logits[track.key][:, audioset.index(tags.MUSIC_CLASS)])
        kept = row if track.genre else genres.allowed(row, track.tags, labels)
        by_key[track.key] = Lesson(
            kept.astype(np.float32), np.concatenate(parts, 1).astype(np.float16), music
        )
    names = [f"audioset {audioset[i]}" for i in chosen]
    first = len(names)
    names += [f"style {name}" for name in tags.STYLES]
    for name, said in teachers.items():
        names += [f"{name} {word}" for word in words[name]]
        wide = next(iter(said.values())).shape[1] - 1 - len(words[name])
        names += [f"{name} embedding {i}" for i in range(wide)]
    styles = [Style(s.name, s.display, s.parent, first + s.tag) for s in styles]
    about = {"teachers": list(teachers), "tracks": len(tracks), "class_power": class_power}
    return Lessons(tuple(labels), tuple(names), tuple(styles), by_key, about=about)


def _styles(
    tracks: Sequence[Track],
    labels: Sequence[str],
    audioset: Sequence[str],
    logits: Mapping[str, Floats],
) -> tuple[list[Style], Floats]:
    """The styles whose parent is a label, and what is added to the logits of all of them."""
    found, shifts = [], np.zeros(len(tags.STYLES))
    for number, (name, (style, parent)) in enumerate(tags.STYLES.items()):
        below = [t.key for t in tracks if t.genre == parent]
        if not below:
            continue
        values = np.concatenate([logits[k][:, audioset.index(name)] for k in below])
        shifts[number] = tags.shown(values, np.ones(len(values), bool))
        if parent in labels:
            display = style[0].upper() + style[1:]
            found.append(Style(style, display, parent, number))
    return found, shifts


def _scale(said: Mapping[str, Rows], probabilities: int) -> tuple[Floats, Floats]:
    """Mean and deviation of an embedding over all windows."""
    rows = np.concatenate([r[:, 1 + probabilities :] for r in said.values()]).astype(np.float64)
    return rows.mean(0), rows.std(0) + 1e-6


def _over_time(rows: Rows, count: int, probabilities: int, mean: Floats, scale: Floats) -> Floats:
    """A teacher's nearest window for each of `count` rows; its embedding brought to 0..1."""
    moments = FIRST + STEP * np.arange(count)
    nearest = np.abs(rows[:, :1] - moments).argmin(0)
    values = rows[nearest, 1:].astype(np.float64)
    values[:, probabilities:] = sigmoid((values[:, probabilities:] - mean) / scale)
    return np.asarray(values)
