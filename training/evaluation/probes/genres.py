"""Genre by genre, and named groups of genres and sets whose metrics stand beside those of others.

A group's macro recall is over the genres of its name alone; what is predicted may be any label of
the model. GTZAN's ten genres: Tzanetakis & Cook 2002.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..inputs import Scored
from ..metrics import (
    ClassMetrics,
    Floats,
    Result,
    TrackMetrics,
    classes,
    confusion,
    roc_auc,
    scored_metrics,
)
from ..presentation import canvas, in_percent, number, percent, table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GTZAN_TEN = frozenset(
    ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
)
ELEVEN = GTZAN_TEN | {"electronic"}
_GTZAN, _SHORT, _SONGS = "gtzan", "gtzan-short", "songs"
_PROTOCOLS: tuple[tuple[str, frozenset[str], frozenset[str], frozenset[str]], ...] = (
    # name, genres, sets that it is about (none: all), sets left out
    ("eleven genres (without ambient, folk, soul)", ELEVEN, frozenset(), frozenset()),
    ("eleven genres, songs alone", ELEVEN, frozenset({_SONGS}), frozenset()),
    ("eleven genres, without songs", ELEVEN, frozenset(), frozenset({_SONGS})),
    ("GTZAN's ten genres alone", GTZAN_TEN, frozenset({_GTZAN, _SHORT}), frozenset()),
    ("GTZAN's ten genres alone, 30 s", GTZAN_TEN, frozenset({_GTZAN}), frozenset()),
)


class Genres(Result):
    """Of mean predictions over a track's steps."""

    roc_auc: float | None = None
    classes: Mapping[str, ClassMetrics] = {}
    confusion: tuple[tuple[int, ...], ...] = ()  # row: genre; column: predicted


def measure(mean: Floats, scored: Scored, labels: Sequence[str]) -> Genres:
    """From mean probabilities (tracks, C)."""
    return Genres(
        roc_auc=roc_auc(mean, scored.true),
        classes=classes(mean, scored.true, labels),
        confusion=tuple(map(tuple, confusion(mean, scored.true, labels))),
    )


def protocol_masks(sets: Sequence[str], genres: Sequence[str]) -> dict[str, NDArray[np.bool_]]:
    """A mask of the tracks of each group; only of groups whose sets and genres are all there.

    Of `songs` alone and of the rest, the genres that they have: the number is said with the figure.

    >>> sorted(protocol_masks(["gtzan"] * 10, sorted(GTZAN_TEN)))
    ["GTZAN's ten genres alone", "GTZAN's ten genres alone, 30 s"]
    """
    have_sets, have_genres = set(sets), set(genres)
    masks = {}
    for name, wanted, only, without in _PROTOCOLS:
        if not wanted <= have_genres or not without <= have_sets or (only and not only & have_sets):
            continue
        mask = np.array(
            [
                genre in wanted and (not only or where in only) and where not in without
                for where, genre in zip(sets, genres, strict=True)
            ]
        )
        if mask.any():
            masks[name] = mask
    return masks


def protocols(mean: Floats, scored: Scored) -> dict[str, TrackMetrics]:
    """Metrics of each group, from mean probabilities (tracks, C), and of how many genres."""
    masks = protocol_masks([t.set for t in scored.tracks], [t.genre for t in scored.tracks])
    return {
        name: scored_metrics(mean[m], scored.at(m), genres=len(np.unique(scored.true[m])))
        for name, m in masks.items()
    }


def summary(genres: Genres) -> list[str]:
    """A sentence for the head of the report."""
    recalls = {
        label: (c.recall, c.tracks) for label, c in genres.classes.items() if c.recall is not None
    }
    if len(recalls) < 2:
        return []
    best, worst = (pick(recalls, key=lambda label: recalls[label][0]) for pick in (max, min))
    of = {name: f"{percent(recalls[name][0])} of {recalls[name][1]}" for name in (best, worst)}
    if recalls[best][0] == recalls[worst][0]:
        return [f"All genres have the same recall: {percent(recalls[best][0])} of their tracks."]
    return [f"Highest recall: {best} ({of[best]} tracks); lowest: {worst} ({of[worst]})."]


def section(hops: Mapping[str, Genres]) -> list[str]:
    """Precision, recall and F1 of every genre."""
    parts = []
    for hop, genres in hops.items():
        rows = [
            (label, c.tracks, number(c.precision), number(c.recall), number(c.f1))
            for label, c in genres.classes.items()
        ]
        header = ["genre", "tracks", "precision", "recall", "F1"]
        parts += [f"Steps of {hop} s:", table(header, rows)]
    return ["## Genres", "[picture: confusion]", *parts] if parts else []


def protocols_section(hops: Mapping[str, Mapping[str, TrackMetrics]]) -> list[str]:
    """Macro recall over named groups of genres."""
    rows = [
        (f"{name}, steps of {hop} s", p.tracks, p.genres, p.macro_recall, p.accuracy)
        for hop, groups in hops.items()
        for name, p in groups.items()
    ]
    if not rows:
        return []
    return [
        "## Groups of genres",
        "Macro recall over the genres of a group, mean over a track's steps; what is predicted may "
        "be any genre of the model.",
        table(["group", "tracks", "genres", "macro recall", "accuracy"], rows),
    ]


def plot_confusion(hops: Mapping[str, Genres], labels: Sequence[str]) -> Figure | None:
    """Rows are true genres; colour is the share of the row, numbers are tracks."""
    if not hops:
        return None
    hop, genres = next(iter(hops.items()))
    counts = np.array(genres.confusion)
    total = counts.sum(1, keepdims=True)
    share = np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)
    side = max(3.6, 0.42 * len(labels) + 1.4)
    figure = canvas(side + 1.2, side)
    axes = figure.subplots()
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    bar = figure.colorbar(image, ax=axes, shrink=0.6)
    in_percent(bar.ax.yaxis)
    bar.set_label("share of the genre's tracks (row)", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)
    for row, column in np.argwhere(counts):
        axes.text(
            column, row, str(counts[row, column]), ha="center", va="center", fontsize=8,
            color="white" if share[row, column] > 0.5 else "black",
        )  # fmt: skip
    axes.set_xticks(range(len(labels)), labels, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("taken for")
    axes.set_ylabel("genre")
    axes.set_title(f"tracks, mean over steps of {hop} s", fontsize=10)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return figure
